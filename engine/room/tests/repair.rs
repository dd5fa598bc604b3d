// SPDX-License-Identifier: Apache-2.0
//! Packets sent again, and the bounds on that.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use rig::{Packet, Rig, SentPacket, session, vp8};
use room::{ParticipantId, Refusal};
use transport::session::{Rights, Track};

struct Call {
    rig: Rig,
    from: ParticipantId,
    to: ParticipantId,
    next: u64,
}

fn call() -> Call {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(1, 1));
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    Call {
        rig,
        from,
        to,
        next: 1,
    }
}

impl Call {
    /// Sends frames of `size` bytes and returns what the subscriber got.
    fn frames(&mut self, layer: u8, count: u64, size: usize) -> Vec<SentPacket> {
        for number in 0..count {
            let mut payload = vp8(true, u8::from(number > 0), self.next as u16, 0, &[0; 2]);
            payload.resize(size, self.next as u8);
            let packet = Packet {
                marker: true,
                ..Packet::video(layer, self.next, self.next as u32 * 3_000, &payload)
            };
            self.rig.send(self.from, &packet).unwrap();
            self.next += 1;
        }
        self.rig.take_sent(2)
    }
}

#[test]
fn what_is_missed_comes_again_as_it_was_with_each_subscribers_numbers() {
    let mut call = call();
    // The first subscriber has switched layers, so that its numbers differ from those of the second.
    call.frames(0, 5, 100);
    call.rig.bind(call.to, 0, 2, Some((1, Track::Main, 1)));
    let other = call.rig.join(3, &session(1, 0));
    call.rig.bind(other, 0, 1, Some((1, Track::Main, 1)));
    let first = call.frames(1, 5, 100);
    let second = call.rig.take_sent(3);
    assert_eq!((first.len(), second.len()), (5, 5));
    assert!(first[0].payload != second[0].payload && first[0].sequence != second[0].sequence);
    for (one, two) in first.iter().zip(&second) {
        call.rig.nack(call.to, 0, one.sequence);
        call.rig.nack(other, 0, two.sequence);
    }
    let again = |sent: Vec<SentPacket>| -> Vec<SentPacket> {
        sent.into_iter()
            .map(|packet| SentPacket {
                rtx: true,
                ..packet
            })
            .collect()
    };
    assert_eq!(call.rig.take_sent(2), again(first));
    assert_eq!(call.rig.take_sent(3), again(second));
}

#[test]
fn a_repair_reaches_back_over_a_switch_of_layers() {
    let mut call = call();
    let low = call.frames(0, 4, 100);
    call.rig.bind(call.to, 0, 2, Some((1, Track::Main, 1)));
    let high = call.frames(1, 4, 100);
    let mut expected = Vec::new();
    for packet in low.iter().chain(&high) {
        call.rig.nack(call.to, 0, packet.sequence);
        expected.push(SentPacket {
            rtx: true,
            ..packet.clone()
        });
    }
    assert_eq!(call.rig.take_sent(2), expected);
    assert_eq!(call.rig.room.counters().retransmitted, 8);
}

#[test]
fn what_lies_512_packets_back_is_forgotten() {
    let mut call = call();
    let sent = call.frames(0, 513, 50);
    call.rig.nack(call.to, 0, sent[0].sequence);
    assert_eq!(call.rig.sent(2), []);
    call.rig.nack(call.to, 0, sent[1].sequence);
    assert_eq!(call.rig.sent(2).len(), 1);
}

#[test]
fn what_was_never_sent_or_is_too_old_is_not_sent() {
    let mut call = call();
    let sent = call.frames(0, 3, 100);
    call.rig.nack(call.to, 0, sent[2].sequence + 1);
    call.rig.nack(call.to, 0, sent[0].sequence - 1);
    call.rig.nack(call.to, 9, sent[0].sequence);
    call.rig.pass(1_001);
    call.rig.nack(call.to, 0, sent[0].sequence);
    assert_eq!(call.rig.sent(2), []);
    assert_eq!(call.rig.refused(Refusal::NackUnknown), 4);
}

#[test]
fn the_same_packet_goes_at_most_once_in_20_ms() {
    let mut call = call();
    let sequence = call.frames(0, 1, 100)[0].sequence;
    for _ in 0..60 {
        call.rig.nack(call.to, 0, sequence);
        call.rig.pass(1);
    }
    assert_eq!(call.rig.sent(2).len(), 3);
    assert_eq!(call.rig.refused(Refusal::NackRepeated), 57);
}

#[test]
fn nacks_amplify_nothing() {
    let mut call = call();
    let sent = call.frames(0, 100, 1_200);
    for _ in 0..40 {
        call.rig.pass(21);
        for packet in &sent {
            call.rig.nack(call.to, 0, packet.sequence);
        }
    }
    let counters = call.rig.room.counters();
    assert!(
        counters.retransmitted_bytes <= 128 * 1024,
        "{}",
        counters.retransmitted_bytes
    );
    assert!(counters.retransmitted_bytes > 120 * 1024);
    assert!(call.rig.refused(Refusal::NackOverBudget) > 3_000);
}

#[test]
fn without_a_retransmission_stream_it_is_counted() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let mut plain = session(1, 0);
    plain.slots[0].rtx_ssrc = None;
    let to = rig.join(2, &plain);
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    rig.send(from, &Packet::video(0, 1, 0, &vp8(true, 0, 1, 1, b"x")))
        .unwrap();
    let sequence = rig.take_sent(2)[0].sequence;
    rig.nack(to, 0, sequence);
    assert_eq!(rig.sent(2), []);
    assert_eq!(rig.refused(Refusal::NackWithoutRtx), 1);
}

#[test]
fn a_repair_needs_the_right_the_binding_and_an_unmuted_track() {
    let mut call = call();
    let sequence = call.frames(0, 1, 100)[0].sequence;
    call.rig
        .room
        .set_rights(call.to, Rights::ALL.without(Rights::RECEIVE_VIDEO));
    call.rig.nack(call.to, 0, sequence);
    call.rig.room.set_rights(call.to, Rights::ALL);
    call.rig.room.set_muted(call.from, Track::Main, true);
    call.rig.nack(call.to, 0, sequence);
    call.rig.room.set_muted(call.from, Track::Main, false);
    call.rig.bind(call.to, 0, 2, Some((1, Track::Screen, 0)));
    call.rig.nack(call.to, 0, sequence);
    assert_eq!(call.rig.sent(2), []);
    assert_eq!(call.rig.refused(Refusal::NackUnknown), 3);
}
