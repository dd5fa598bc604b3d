// SPDX-License-Identifier: Apache-2.0
//! Seeded mutations of everything a peer may be sent, in every state.

use super::{AUDIO_PT, MID, MS, RID, RTX_PT, TWCC, VIDEO_PT, World, path};
use crate::session::DtlsVersion;
use crate::{DropReason, Input, PeerTransport};

const CASES: usize = 100_000;

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

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most))
            .map(|_| self.next().to_be_bytes()[3])
            .collect()
    }

    fn mutate(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut out = datagram.to_vec();
        for _ in 0..=self.below(4) {
            match self.below(5) {
                0 => out.truncate(self.below(out.len() + 1)),
                1 => out.extend(self.bytes(40)),
                _ if !out.is_empty() => {
                    let at = self.below(out.len().min(80));
                    out[at] = self.next().to_be_bytes()[5];
                }
                _ => {}
            }
        }
        out
    }
}

/// What one may come by on the way: checks, a first flight, sealed packets.
fn corpus(world: &mut World) -> Vec<Vec<u8>> {
    let mut corpus = vec![world.browser.check(true), world.browser.check(false)];
    world.browser.start(world.now);
    corpus.extend(world.browser.drain());
    corpus.extend([
        vec![0x80; 60],
        vec![0x81, 200, 0, 6, 1, 2, 3, 4],
        vec![22; 90],
        vec![0, 1, 0, 0],
        vec![],
    ]);
    corpus
}

#[test]
fn a_fresh_peer_survives_anything_and_answers_at_most_threefold() {
    let mut seeded = Seeded(1);
    let mut world = World::new(DtlsVersion::V12);
    let corpus = corpus(&mut world);
    let mut balance = std::collections::HashMap::new();
    for nth in 0..CASES {
        let from = path(1 + u16::try_from(seeded.below(5)).unwrap());
        let original = &corpus[seeded.below(corpus.len())];
        // DTLS garbage may end a handshake only after a check; the checks here come from other ports.
        let datagram = if nth % 50 == 0 {
            world.browser.check(true)
        } else {
            seeded.mutate(original)
        };
        let from = if nth % 50 == 0 { path(9) } else { from };
        // A mutation may leave a check as it was.
        if from != path(9) && corpus.contains(&datagram) {
            continue;
        }
        let entry: &mut (usize, usize) = balance.entry(from).or_default();
        entry.0 += datagram.len();
        world.give(from, datagram);
        if nth % 10 == 0 {
            world.now += 2 * MS;
            world.run_timers();
        }
        for (to, reply) in std::mem::take(&mut world.wire.0) {
            balance.entry(to).or_default().1 += reply.len();
        }
        if world.peer.deadline().is_none() {
            world = World::new(DtlsVersion::V12);
        }
    }
    assert!(
        balance
            .values()
            .all(|(received, sent)| *sent <= 3 * received),
        "{balance:?}"
    );
    assert!(
        balance
            .iter()
            .filter(|(from, _)| **from != path(9))
            .all(|(_, (_, sent))| *sent == 0)
    );
    assert!(balance[&path(9)].1 > 0);
}

#[test]
fn a_handshake_ends_at_worst_when_the_proven_address_itself_sends_garbage() {
    let mut seeded = Seeded(2);
    let mut ended = 0;
    let mut world = World::new(DtlsVersion::V12);
    let mut corpus_now = Vec::new();
    for nth in 0..CASES / 5 {
        if nth % 40 == 0 || world.peer.deadline().is_none() {
            ended += usize::from(world.peer.deadline().is_none());
            world = World::new(DtlsVersion::V12);
            let check = world.browser.check(true);
            world.give(path(1), check);
            world.settle(path(1));
            corpus_now = corpus(&mut world);
        }
        let original = &corpus_now[seeded.below(corpus_now.len())];
        let datagram = seeded.mutate(original);
        world.give(path(1), datagram);
        world.now += MS;
        world.run_timers();
        world.wire.0.clear();
    }
    assert!(ended < CASES / 50, "{ended} handshakes ended");
}

#[test]
fn a_connected_peer_survives_strangers_and_goes_on() {
    let mut seeded = Seeded(3);
    let mut world = World::connected();
    let extensions: &[(u8, &[u8])] = &[(MID, b"1"), (RID, b"q"), (TWCC, &[0, 1])];
    let mut corpus = corpus(&mut world);
    corpus.push(
        world
            .browser
            .rtp(VIDEO_PT, 10, 1_000, extensions, &[0x10; 300]),
    );
    corpus.push(
        world
            .browser
            .rtp(AUDIO_PT, 11, 1_000, &[(MID, b"0")], &[7; 80]),
    );
    corpus.push(world.browser.rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9]));
    for nth in 0..CASES {
        let original = &corpus[seeded.below(corpus.len())];
        let datagram = seeded.mutate(original);
        let from = if nth % 3 == 0 { path(1) } else { path(2) };
        // A mutation may leave a datagram as it was.
        if !corpus.contains(&datagram) {
            assert!(!matches!(world.give(from, datagram), Input::Rtp(_)));
        }
        world.wire.0.retain(|(to, _)| *to == path(1));
        if nth % 200 == 0 {
            world.pass(MS);
            world.settle(path(1));
        }
    }
    assert!(world.peer.is_connected());
    let good = world
        .browser
        .rtp(AUDIO_PT, 12, 1, &[(MID, b"0")], b"still here");
    assert!(matches!(world.give(path(1), good), Input::Rtp(_)));
    assert!(world.drops(DropReason::AuthFailed) > 10_000);
}

/// The peer itself is hostile: everything is sealed rightly, nothing makes sense.
#[test]
fn a_hostile_member_is_bounded_too() {
    let mut seeded = Seeded(4);
    let mut world = World::connected();
    let nack = [
        0x81, 205, 0, 4, 0, 0, 0, 9, 0, 0, 0x0f, 0xa0, 0, 1, 0xff, 0xff, 0, 20, 0xff, 0xff,
    ];
    let mut report = [0_u8; 52];
    let block = rtp::rtcp::ReportBlock {
        ssrc: 4_000,
        last_sender_report: 9,
        ..rtp::rtcp::ReportBlock::default()
    };
    rtp::rtcp::write_sender_report(
        &mut report,
        &rtp::rtcp::SenderInfo {
            ssrc: 10,
            ..Default::default()
        },
        &[block],
    )
    .unwrap();
    let mut index = 1_000;
    for nth in 0..CASES / 2 {
        index += u64::try_from(seeded.below(if nth % 100 == 0 { 30_000 } else { 4 })).unwrap() + 1;
        let extensions = [
            (MID, seeded.bytes(3)),
            (RID, seeded.bytes(3)),
            (TWCC, seeded.bytes(5)),
        ];
        let named: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"q")];
        let random = extensions
            .each_ref()
            .map(|(id, value)| (*id, value.as_slice()));
        let payload = seeded.bytes(60);
        let payload_type = [VIDEO_PT, RTX_PT, AUDIO_PT, 13][seeded.below(4)];
        let ssrc = 10
            + u32::from(payload_type == RTX_PT)
            + u32::try_from(seeded.below(400)).unwrap() / 398 * index as u32;
        let extensions: &[(u8, &[u8])] = if nth % 2 == 0 { &named } else { &random };
        let packet = world.browser.rtp(
            payload_type,
            ssrc,
            index & 0xffff_ffff,
            extensions,
            &payload,
        );
        world.give(path(1), packet);
        let base: &[u8] = if nth % 2 == 0 { &nack } else { &report };
        let mut compound = seeded.mutate(base);
        compound.resize(compound.len().max(8), 0);
        compound[0] = compound[0] & 0x3f | 0x80;
        let packet = world.browser.rtcp(&compound);
        world.give(path(1), packet);
        if nth % 20 == 0 {
            world.pass(10 * MS);
        }
        assert!(world.events.len() <= 2_000);
        world.events.clear();
        world.browser.got.clear();
    }
    assert!(world.peer.is_connected());
}
