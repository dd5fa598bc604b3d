// SPDX-License-Identifier: Apache-2.0
//! Seeded mutations of real checks and answers.

use super::{BROWSER, Run, SERVER, answer, check, path};

const CASES: u32 = 100_000;

/// SplitMix64: small, seeded, and the same on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn mutate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = message.to_vec();
        for _ in 0..=self.below(3) {
            match self.below(6) {
                0 => out.truncate(self.below(out.len())),
                1 => out.extend((0..=self.below(30)).map(|_| 0xa5)),
                2 if out.len() > 24 => {
                    // A length that lies.
                    let at = 20 + 4 * self.below((out.len() - 20) / 4) + 2;
                    out[at] = self.next().to_be_bytes()[0];
                }
                _ if !out.is_empty() => {
                    let at = self.below(out.len());
                    out[at] ^= 1 << self.below(8);
                }
                _ => {}
            }
        }
        // Half of them with a checksum that is right, so that the attributes are reached.
        if self.below(2) == 0 && out.len() > 28 {
            let cut = (out.len() - 8) / 4 * 4;
            out.truncate(cut);
            out[2..4].copy_from_slice(&u16::try_from(cut + 8 - 20).unwrap().to_be_bytes());
            let sum = crate::stun::fingerprint(&out);
            out.extend([0x80, 0x28, 0, 4]);
            out.extend(sum.to_be_bytes());
        }
        out
    }
}

#[test]
fn no_mutated_message_is_taken_and_none_panics() {
    let mut seeded = Seeded(11);
    let mut run = Run::new();
    run.connect(path(1));
    run.take(path(2), &check(&SERVER, &BROWSER, 2, true))
        .unwrap();
    let request = check(&SERVER, &BROWSER, 3, true);
    let (to, ours) = run.due().remove(0);
    let response = answer(&BROWSER, &SERVER, &ours);
    let mut taken = 0;
    for _ in 0..CASES {
        let original = if seeded.below(2) == 0 {
            &request
        } else {
            &response
        };
        let mutated = seeded.mutate(original);
        // All that the tag covers is intact: this is the real message.
        let covered = &original[20..original.len() - 8];
        if mutated.len() > 20 && mutated[..2] == original[..2] && mutated[20..].starts_with(covered)
        {
            continue;
        }
        if run.take(to, &mutated).is_ok() {
            taken += 1;
            // A Binding indication: it has no tag and changes nothing.
            assert_eq!(mutated[..2], [0, 0x11], "{mutated:02x?}");
        }
    }
    assert!(taken < CASES / 100);
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert!(run.take(to, &response).is_ok());
    assert_eq!(run.agent.selected(), Some(path(2)));
}
