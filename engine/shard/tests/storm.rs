// SPDX-License-Identifier: Apache-2.0
//! 100,000 datagrams that nobody should send, during a call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod memory;
mod town;

use std::time::Duration;

use ice::Path;
use memory::Counting;
use shard::{Command, Event};
use town::{Town, VIDEO_SLOT_SSRC, path};

const CASES: usize = 100_000;
/// The member who sends garbage with valid keys.
const HOSTILE: u64 = 3;

/// A small generator: the same storm each time (Marsaglia, xorshift64*).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most + 1);
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Flips, cuts, or extends.
    fn mutate(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut bytes = datagram.to_vec();
        for _ in 0..=self.below(3) {
            match self.below(6) {
                0 => bytes.truncate(self.below(bytes.len() + 1)),
                1 => bytes.extend(self.bytes(40)),
                _ if !bytes.is_empty() => {
                    let place = self.below(bytes.len());
                    bytes[place] ^= 1 << self.below(8);
                }
                _ => {}
            }
        }
        bytes
    }
}

/// A datagram of one of the protocols, damaged or out of place, and where it seems to come from.
fn case(town: &mut Town, seeded: &mut Seeded, samples: &[Vec<u8>]) -> (Path, Vec<u8>) {
    let from = match seeded.below(3) {
        0 => path(40_000 + seeded.below(20_000) as u16),
        known => town.callers[&(known as u64)].path,
    };
    match seeded.below(8) {
        0 => (from, seeded.bytes(1_500)),
        // A first byte of each protocol, then anything.
        1 => {
            let first = [0, 1, 20, 22, 23, 63, 0x80, 0x90, 0xBF][seeded.below(9)];
            (from, [vec![first], seeded.bytes(200)].concat())
        }
        2 if seeded.below(4) == 0 => (from, town.callers.get_mut(&2).unwrap().forged_check()),
        2 => {
            let check = town.callers.get_mut(&1).unwrap().check();
            (from, seeded.mutate(&check))
        }
        3 | 4 => {
            let sample = &samples[seeded.below(samples.len())];
            (from, seeded.mutate(sample))
        }
        5 => (town.callers[&HOSTILE].path, sealed_rtp(town, seeded)),
        6 => (town.callers[&HOSTILE].path, sealed_rtcp(town, seeded)),
        _ => (from, samples[seeded.below(samples.len())].clone()),
    }
}

/// RTP with a valid tag: often as it should be, but for the payload; else with anything in it.
fn sealed_rtp(town: &mut Town, seeded: &mut Seeded) -> Vec<u8> {
    let kind = seeded.below(4);
    let wrong = if seeded.below(4) == 0 {
        seeded.below(4)
    } else {
        kind
    };
    let ssrc = [70, 71, 72, 73][kind]
        + if seeded.below(2_000) == 0 {
            seeded.below(12) as u32
        } else {
            0
        };
    let payload_type = [town::AUDIO_PT, town::VIDEO_PT, town::VIDEO_PT, town::RTX_PT][wrong];
    let mid = [&b"0"[..], b"1", b"2", b"1"][wrong];
    let rid = [&b""[..], b"h", b"f", b"q"][kind];
    let by = if seeded.below(300) == 0 {
        1 + seeded.below(9_000) as u64
    } else {
        1
    };
    let index = town.skip_index(HOSTILE, ssrc, by);
    let other = [seeded.bytes(15), vec![1]].concat();
    let mut extensions: Vec<(u8, &[u8])> = vec![(town::MID, mid), (town::LEVEL, &other)];
    if kind > 0 {
        extensions.push((town::RID, rid));
    }
    let most = if seeded.below(10) == 0 { 1_300 } else { 60 };
    let body = seeded.bytes(most);
    let payload = if seeded.below(2) == 0 {
        [&[0x10, seeded.next() as u8][..], &body].concat()
    } else {
        body
    };
    town.callers
        .get_mut(&HOSTILE)
        .unwrap()
        .rtp(payload_type, ssrc, index, &extensions, &payload)
}

/// RTCP with a valid tag: feedback for anything, or damaged.
fn sealed_rtcp(town: &mut Town, seeded: &mut Seeded) -> Vec<u8> {
    let mut compound = vec![0; 64];
    let ssrc = [VIDEO_SLOT_SSRC, town::AUDIO_SLOT_SSRC, 1][seeded.below(3)];
    let wanted: Vec<u16> = (0..8)
        .map(|_| VIDEO_SLOT_SSRC as u16 + seeded.next() as u16 % 1_100)
        .collect();
    let len = match seeded.below(3) {
        0 => rtp::rtcp::write_nack(&mut compound, 1, ssrc, &wanted).unwrap(),
        1 => rtp::rtcp::write_pli(&mut compound, 1, ssrc).unwrap(),
        _ => 8,
    };
    compound.truncate(len);
    if len == 8 || seeded.below(3) == 0 {
        compound = seeded.mutate(&compound);
        // The first byte and the type stay those of RTCP, else it would not be taken for it.
        compound.resize(compound.len().max(8), 0);
        compound[..2].copy_from_slice(&[
            0x80 | (seeded.next() as u8 & 31),
            200 + seeded.below(8) as u8,
        ]);
    }
    town.callers.get_mut(&HOSTILE).unwrap().rtcp(&compound)
}

#[test]
fn the_call_goes_on_and_memory_stays() {
    let mut town = Town::new();
    for peer in [1, 2, HOSTILE] {
        town.join(peer);
    }
    town.bind(2, 1, 1, 0);
    town.bind(HOSTILE, 1, 1, 0);
    let mut seeded = Seeded(0x5EA1_0003);
    let samples = samples(&mut town);
    let mut bytes = 0;
    for round in 0..CASES / 100 {
        let mut left = 100;
        while left > 0 {
            let count = left.min(1 + seeded.below(16));
            left -= count;
            let batch = (0..count)
                .map(|_| case(&mut town, &mut seeded, &samples))
                .collect();
            town.give_batch(batch);
        }
        town.pass(Duration::from_millis(20));
        for peer in [1, 2, HOSTILE] {
            let caller = town.callers.get_mut(&peer).unwrap();
            caller.rtcp.clear();
            if round % 100 == 0 {
                let check = caller.check();
                town.give_from(peer, check);
            }
        }
        town.callers.get_mut(&2).unwrap().got.clear();
        let body = round.to_be_bytes();
        let frame = town.frame(1, 0, round % 10 == 0, &body);
        town.give_from(1, frame);
        let seen = town.heard(2, VIDEO_SLOT_SSRC);
        assert!(
            seen.iter().any(|payload| payload.ends_with(&body)),
            "round {round}"
        );
        town.callers.get_mut(&HOSTILE).unwrap().got.clear();
        town.events.clear();
        if round % 50 == 49 {
            // Streams that replaced each other are dead for good: a new one of the hostile kind.
            town.command(Command::RemovePeer {
                token: None,
                peer: HOSTILE,
            });
            town.join(HOSTILE);
            town.bind(HOSTILE, 1, 1, 0);
        }
        if round == CASES / 200 {
            bytes = Counting::bytes();
        }
    }
    let grown = Counting::bytes() - bytes;
    assert!(grown < 64 * 1024, "{grown} bytes in the second half");
    let stats = town.stats();
    assert_eq!(stats.peers, 3);
    assert!(stats.datagrams >= CASES as u64);
    assert!(
        stats.accepted > 5_000 && stats.retransmitted > 100,
        "{stats:?}"
    );
    for reason in [
        "unknown_protocol",
        "unknown_peer",
        "unknown_ufrag",
        "bad_integrity",
        "malformed_stun",
        "auth_failed",
        "replay",
    ] {
        assert!(
            stats.refused.get(reason).is_some_and(|count| *count > 100),
            "{reason}: {:?}",
            stats.refused
        );
    }
    let closed = town
        .events
        .iter()
        .any(|event| matches!(event, Event::Closed { .. }));
    assert!(!closed);
}

/// Datagrams of a real call: DTLS of another handshake, media, RTCP.
fn samples(town: &mut Town) -> Vec<Vec<u8>> {
    let mut other = town::Caller::new(town.now, path(9), "srv1");
    other.start(town.now);
    let mut samples = other.drain();
    for peer in [1, 2] {
        samples.push(town.voice(peer, b"a voice of some length"));
        samples.push(town.frame(peer, 0, true, &[5; 600]));
        samples.push(
            town.callers
                .get_mut(&peer)
                .unwrap()
                .rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1]),
        );
    }
    samples
}
