// SPDX-License-Identifier: Apache-2.0
//! SipHash-1-3 with a key of the caller's: strangers cannot choose addresses that collide, and a simulation with a
//! fixed key repeats itself. The standard library's keyed hasher takes no key.

use std::hash::{BuildHasher, Hasher};

/// Makes hashers of one key.
#[derive(Clone, Copy)]
pub(crate) struct KeyedHash {
    k0: u64,
    k1: u64,
}

impl KeyedHash {
    pub(crate) const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        // Aumasson and Bernstein, "SipHash: a fast short-input PRF", section 2.2.
        SipHasher13 {
            v0: self.k0 ^ 0x736f_6d65_7073_6575,
            v1: self.k1 ^ 0x646f_7261_6e64_6f6d,
            v2: self.k0 ^ 0x6c79_6765_6e65_7261,
            v3: self.k1 ^ 0x7465_6462_7974_6573,
            words: 0,
        }
    }
}

/// The state of one hash. Input is taken in whole words: the last of a byte string is filled up with zeros, which is
/// unambiguous for strings whose length is hashed, too.
#[derive(Clone, Copy)]
pub(crate) struct SipHasher13 {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
    words: u64,
}

impl SipHasher13 {
    const fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }
}

impl Hasher for SipHasher13 {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.words = self.words.wrapping_add(1);
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    fn finish(&self) -> u64 {
        let mut end = *self;
        let tail = (self.words.wrapping_mul(8) & 0xFF) << 56;
        end.v3 ^= tail;
        end.round();
        end.v0 ^= tail;
        end.v2 ^= 0xFF;
        end.round();
        end.round();
        end.round();
        end.v0 ^ end.v1 ^ end.v2 ^ end.v3
    }
}

#[cfg(test)]
mod tests;
