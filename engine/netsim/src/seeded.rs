// SPDX-License-Identifier: Apache-2.0
//! Numbers from a seed.

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// Any seed will do; 0 would stay 0 and is replaced.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike: the first numbers of xorshift show the seed's bits.
        let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self(if mixed == 0 { 1 } else { mixed })
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 if that is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        let drawn = self.next() >> 11;
        if bound == 0 { 0 } else { drawn % bound }
    }

    /// 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        for chunk in out.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        out
    }
}
