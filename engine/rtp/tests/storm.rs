// SPDX-License-Identifier: Apache-2.0
//! A seeded storm on every parser: nothing panics, reads beyond its input, or works more than its input is worth.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use rtp::{Codec, DependencyDescriptor, ExtensionKind, ExtensionMap, Header, rtcp, rtx};

const CASES: usize = 100_000;
const CODECS: [Codec; 6] = [
    Codec::Opus,
    Codec::Red,
    Codec::Vp8,
    Codec::Vp9,
    Codec::H264,
    Codec::Av1,
];

/// xorshift64*: enough for mutations, and the same on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A good packet with one to four faults: bits flipped, bytes cut, bytes added, lengths made extreme.
    fn mutated(&mut self, good: &[&[u8]]) -> Vec<u8> {
        let mut packet = good[self.below(good.len())].to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(packet.len().max(1));
            match self.below(4) {
                0 if at < packet.len() => packet[at] ^= 1 << self.below(8),
                1 => packet.truncate(at),
                2 => {
                    let added: Vec<u8> = (0..self.below(9)).map(|_| self.next() as u8).collect();
                    packet.splice(at.min(packet.len())..at.min(packet.len()), added);
                }
                _ if at < packet.len() => packet[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                _ => {}
            }
        }
        packet
    }
}

#[test]
fn headers_and_extensions() {
    let one: &[u8] = &[
        0xb1, 0xef, 0x12, 0x34, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0xbe, 0xde, 0, 2, 0x11, 0xaa,
        0xbb, 0, 0x30, 0xcc, 0, 0, b'a', b'b', b'c', 0, 2,
    ];
    let two: &[u8] = &[
        0x90, 96, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 0x10, 0, 0, 2, 3, 4, 1, 2, 3, 4, 1, 0, 9, 9, 9,
    ];
    let mut map = ExtensionMap::default();
    map.set(1, ExtensionKind::TransportWideCc);
    map.set(3, ExtensionKind::AudioLevel);
    let mut seeded = Seeded(1);
    let mut accepted = 0;
    for _ in 0..CASES {
        let packet = seeded.mutated(&[one, two]);
        if let Ok(header) = Header::parse(&packet) {
            accepted += 1;
            let _ = rtp::find(&header, &packet, &map);
            let _ = rtx::unwrap(&header, &packet);
            assert!(header.payload(&packet).len() <= packet.len());
        }
    }
    assert!(
        (1_000..CASES).contains(&accepted),
        "the storm must hit both sides: {accepted}"
    );
}

#[test]
fn compounds() {
    let mut report = [0; 256];
    let mut len = rtcp::write_sender_report(
        &mut report,
        &rtcp::SenderInfo::default(),
        &[rtcp::ReportBlock::default(); 2],
    )
    .unwrap();
    len += rtcp::write_sdes_cname(&mut report[len..], 1, "name").unwrap();
    len += rtcp::write_nack(&mut report[len..], 1, 2, &[1, 2, 40]).unwrap();
    len += rtcp::write_fir(&mut report[len..], 1, 2, 3).unwrap();
    let feedback: &[u8] = &[
        0x8f, 205, 0, 6, 0, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0, 4, 0, 0, 1, 0, 0xd4, 0x80, 0, 4, 0xff,
        0xfd, 0, 0,
    ];
    let mut seeded = Seeded(2);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..CASES {
        let compound = seeded.mutated(&[&report[..len], feedback]);
        let mut work = 0;
        for packet in rtcp::packets(&compound) {
            match packet {
                Ok(rtcp::Packet::Nack(nack)) => work += nack.sequences().count(),
                Ok(rtcp::Packet::Fir(fir)) => work += fir.requests().count(),
                Ok(rtcp::Packet::SenderReport(report)) => work += report.blocks.count(),
                Ok(rtcp::Packet::ReceiverReport { blocks, .. }) => work += blocks.count(),
                Ok(rtcp::Packet::TransportFeedback(feedback)) => work += feedback.reports().count(),
                Ok(_) => {}
                Err(_) => bad += 1,
            }
            good += 1;
        }
        assert!(work <= 8_192 + compound.len() * 17 / 4);
    }
    assert!(good > 1_000 && bad > 1_000);
}

#[test]
fn payload_descriptors() {
    let good: &[&[u8]] = &[
        &[0x90, 0xe0, 0x92, 0x34, 0x07, 0x40, 0x10, 0x02, 0x00],
        &[0x8a, 0x12, 0x18, 1, 64, 0, 180, 1, 0x08, 1, 2, 0xaa],
        &[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68],
        &[0x18, 0x0a],
    ];
    let mut seeded = Seeded(3);
    let mut refused = 0;
    for _ in 0..CASES {
        let mut payload = seeded.mutated(good);
        for codec in CODECS {
            match rtp::inspect(codec, &payload) {
                Ok(info) => assert!(info.descriptor_len <= payload.len()),
                Err(_) => refused += 1,
            }
        }
        if let Ok(descriptor) = rtp::vp8::Descriptor::parse(&payload) {
            let len = payload.len();
            descriptor.patch(&mut payload, 0x1234, 5);
            assert_eq!(payload.len(), len);
        }
        let _ = DependencyDescriptor::parse(&payload);
    }
    assert!(refused > 1_000);
}
