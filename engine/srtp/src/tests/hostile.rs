// SPDX-License-Identifier: Apache-2.0
//! Seeded mutations of real packets: nothing panics, nothing forged opens.

use super::{PROFILES, header, pair};

const CASES: u64 = 100_000;

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

    /// Flips, cuts or extends; always a packet that differs.
    fn mutate(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = packet.to_vec();
        match self.below(4) {
            0 => out.truncate(self.below(packet.len())),
            1 => out.extend((0..=self.below(40)).map(|_| 0xa5)),
            _ => {
                let at = self.below(packet.len());
                out[at] ^= 1 << self.below(8);
            }
        }
        out
    }
}

#[test]
fn no_mutated_packet_opens_and_none_panics() {
    let mut seeded = Seeded(3);
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let stream = sender.add_stream(0x0102_0304).unwrap();
        let payload: Vec<u8> = (0..90).collect();
        let mut rtp = header(0x0102_0304, 1_000).to_vec();
        rtp.resize(12 + 90 + profile.tag_len(), 0);
        let (head, dst) = rtp.split_at_mut(12);
        sender.seal_rtp(stream, head, 1_000, &payload, dst).unwrap();
        let mut rtcp = vec![
            0x80, 200, 0, 6, 1, 2, 3, 4, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 0, 0, 0, 1, 0, 0, 0, 2,
        ];
        rtcp.resize(28 + profile.rtcp_overhead(), 0);
        sender.seal_rtcp(&mut rtcp, 28).unwrap();
        for _ in 0..CASES / 6 {
            let mut forged = seeded.mutate(&rtp);
            let ssrc = forged
                .get(8..12)
                .map_or(0, |b| u32::from_be_bytes(b.try_into().unwrap()));
            let sequence = forged
                .get(2..4)
                .map_or(0, |b| u16::from_be_bytes(b.try_into().unwrap()));
            let header_len = if seeded.below(8) == 0 {
                seeded.below(200)
            } else {
                12
            };
            assert!(
                receiver
                    .open_rtp(header_len, ssrc, sequence, &mut forged)
                    .is_err()
            );
            assert!(receiver.open_rtcp(&mut seeded.mutate(&rtcp)).is_err());
        }
        assert!(
            receiver.open_rtp(12, 0x0102_0304, 1_000, &mut rtp).is_ok(),
            "{profile} still opens the real one"
        );
        assert_eq!(receiver.open_rtcp(&mut rtcp), Ok(28));
    }
}
