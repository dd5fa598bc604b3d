// SPDX-License-Identifier: Apache-2.0
//! A room that demands sealing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use std::sync::{Arc, Mutex};

use rig::{Packet, Rig, session, vp8};
use room::{Forwarded, ParticipantId, Refusal, Sink};
use rtp::Codec;
use transport::session::Track;

/// KID of epoch 1, step 0, index 0 with four bytes, counter 0.
const fn header(track: u8) -> [u8; 5] {
    [0b1011_0000, 0x01, 0, 0, track]
}

/// A delta frame's first packet, as the SDK makes it; a key frame's if `tag` is 0.
fn sealed(tag: u8, track: u8) -> Vec<u8> {
    let prefix: &[u8] = if tag == 0 {
        &[0, 0, 0x9D, 1, 0x2A, 0, 0, 0, 0]
    } else {
        &[0, 0]
    };
    vp8(
        true,
        tag,
        1,
        1,
        &[prefix, &header(track), &[0xEE; 40]].concat(),
    )
}

fn rest(fill: u8) -> Vec<u8> {
    vp8(false, fill, 1, 1, &[fill; 30])
}

/// Indices and payload sizes of what the sink saw.
type Seen = Arc<Mutex<Vec<(u64, usize)>>>;

struct Witness(Seen);

impl Sink for Witness {
    fn packet(&mut self, packet: &Forwarded<'_>) {
        assert_eq!((packet.room, packet.source), (1, 1));
        self.0
            .lock()
            .unwrap()
            .push((packet.ext_sequence, packet.payload.len()));
    }
}

fn call() -> (Rig, ParticipantId, ParticipantId, Seen) {
    let mut rig = Rig::new(true);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(1, 1));
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    let seen = Seen::default();
    rig.room.set_sink(Some(Box::new(Witness(seen.clone()))));
    (rig, from, to, seen)
}

fn indices(seen: &Seen) -> Vec<u64> {
    seen.lock()
        .unwrap()
        .drain(..)
        .map(|(index, _)| index)
        .collect()
}

#[test]
fn sealed_frames_pass_and_the_sink_sees_each_packet_once() {
    let (mut rig, from, _, seen) = call();
    rig.send(from, &Packet::video(0, 1, 0, &sealed(0, 2)))
        .unwrap();
    rig.send(from, &Packet::video(0, 2, 0, &rest(1))).unwrap();
    rig.send(from, &Packet::video(0, 3, 3_000, &sealed(1, 2)))
        .unwrap();
    rig.send(
        from,
        &Packet::audio(1, 20, &[&header(1)[..], &[0; 20]].concat()),
    )
    .unwrap();
    assert_eq!(rig.sent(2).len(), 4);
    assert_eq!(indices(&seen), [1, 2, 3, 1]);
    assert_eq!(rig.room.counters().accepted, 4);
}

#[test]
fn a_clear_frame_is_refused_with_all_its_packets_and_never_seen() {
    let (mut rig, from, _, seen) = call();
    let clear = vp8(true, 0, 1, 1, &[0x55; 60]);
    assert_eq!(
        rig.send(from, &Packet::video(0, 1, 0, &clear)),
        Err(Refusal::ClearMedia)
    );
    assert_eq!(
        rig.send(from, &Packet::video(0, 2, 0, &rest(1))),
        Err(Refusal::ClearMedia)
    );
    assert_eq!(
        rig.send(from, &Packet::video(0, 3, 0, &sealed(0, 2))),
        Err(Refusal::ClearMedia),
        "not this frame"
    );
    let clear = [0x78; 60];
    assert_eq!(
        rig.send(from, &Packet::audio(1, 20, &clear)),
        Err(Refusal::ClearMedia)
    );
    assert_eq!(rig.refused(Refusal::ClearMedia), 4);
    assert!(rig.sent(2).is_empty() && indices(&seen).is_empty());
    rig.send(from, &Packet::video(0, 4, 3_000, &sealed(0, 2)))
        .unwrap();
    assert_eq!(rig.sent(2).len(), 1);
}

#[test]
fn a_frame_of_another_track_is_refused() {
    let (mut rig, from, ..) = call();
    let screen = Packet {
        send: 2,
        ssrc: 2_000,
        ..Packet::video(0, 1, 0, &[])
    };
    let camera_on_screen = sealed(0, 2);
    let refused = rig.send(
        from,
        &Packet {
            payload: &camera_on_screen,
            ..screen.clone()
        },
    );
    assert_eq!(refused, Err(Refusal::ClearMedia));
    rig.send(
        from,
        &Packet {
            payload: &sealed(0, 3),
            sequence: 2,
            timestamp: 1,
            ..screen
        },
    )
    .unwrap();
}

#[test]
fn a_sealed_av1_unit_passes_with_all_its_packets_and_a_clear_one_with_none() {
    let (mut rig, from, _, seen) = call();
    let mut send = |sequence: u16, timestamp: u32, payload: &[u8]| {
        let packet = Packet {
            codec: Codec::Av1,
            ..Packet::video(0, sequence.into(), timestamp, payload)
        };
        rig.send(from, &packet)
    };
    let sealed = [&[0x58, 0x08][..], &header(2), &[0xEE; 40]].concat();
    let in_clear = [&[0x68, 0x02, 0x08, 0][..], &header(2), &[0xEE; 40]].concat();
    let more = [0x90, 9, 9, 9];
    send(1, 0, &sealed).unwrap();
    send(2, 0, &more).unwrap();
    assert_eq!(send(3, 3_000, &in_clear), Err(Refusal::ClearMedia));
    // A frame OBU of its own, as a clear unit goes on.
    assert_eq!(
        send(4, 3_000, &[0x10, 0x30, 9, 9]),
        Err(Refusal::ClearMedia)
    );
    assert_eq!(send(5, 3_000, &more), Err(Refusal::ClearMedia));
    assert_eq!(indices(&seen), [1, 2]);
}

#[test]
fn parameter_sets_pass_and_the_slice_decides_for_its_frame() {
    let (mut rig, from, _, seen) = call();
    let mut send = |sequence: u16, timestamp: u32, payload: &[u8]| {
        let packet = Packet {
            codec: Codec::H264,
            ..Packet::video(0, sequence.into(), timestamp, payload)
        };
        rig.send(from, &packet)
    };
    let parameters = [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE];
    let sealed = [&[0x7C, 0x85, 0xB8][..], &header(2), &[0xEE; 40]].concat();
    let in_clear = [&[0x7C, 0x85, 0xB8][..], &[0xEE; 40]].concat();
    let more = [0x7C, 0x05, 9, 9, 9];
    send(1, 0, &parameters).unwrap();
    send(2, 0, &sealed).unwrap();
    send(3, 0, &more).unwrap();
    send(4, 3_000, &parameters).unwrap();
    assert_eq!(send(5, 3_000, &in_clear), Err(Refusal::ClearMedia));
    assert_eq!(send(6, 3_000, &more), Err(Refusal::ClearMedia));
    assert_eq!(send(7, 6_000, &[0x06, 5, 1, 0]), Err(Refusal::ClearMedia));
    assert_eq!(indices(&seen), [1, 2, 3, 4]);
}

#[test]
fn parameter_sets_release_nothing_that_waits_for_its_slice() {
    let (mut rig, from, _, seen) = call();
    let mut send = |sequence: u16, timestamp: u32, payload: &[u8]| {
        let packet = Packet {
            codec: Codec::H264,
            ..Packet::video(0, sequence.into(), timestamp, payload)
        };
        rig.send(from, &packet)
    };
    let parameters = [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE];
    let in_clear = [&[0x7C, 0x85, 0xB8][..], &[0xEE; 40]].concat();
    let sealed = [&[0x7C, 0x85, 0xB8][..], &header(2), &[0xEE; 40]].concat();
    let more = [0x7C, 0x05, 9, 9, 9];
    send(1, 0, &sealed).unwrap();
    assert_eq!(send(4, 9_000, &more), Err(Refusal::FrameStartMissing));
    assert_eq!(send(3, 9_000, &in_clear), Err(Refusal::ClearMedia));
    send(2, 9_000, &parameters).unwrap();
    assert_eq!(indices(&seen), [1, 2]);
    assert_eq!(send(7, 18_000, &more), Err(Refusal::FrameStartMissing));
    send(5, 18_000, &parameters).unwrap();
    send(6, 18_000, &sealed).unwrap();
    assert_eq!(indices(&seen), [5, 6, 7]);
}

#[test]
fn packets_that_overtook_the_first_of_their_frame_wait_for_it() {
    let (mut rig, from, _, seen) = call();
    rig.send(from, &Packet::video(0, 1, 0, &sealed(0, 2)))
        .unwrap();
    for sequence in [3, 4] {
        let refused = rig.send(from, &Packet::video(0, sequence, 3_000, &rest(1)));
        assert_eq!(refused, Err(Refusal::FrameStartMissing));
    }
    assert_eq!(indices(&seen), [1]);
    rig.send(from, &Packet::video(0, 2, 3_000, &sealed(1, 2)))
        .unwrap();
    assert_eq!(indices(&seen), [2, 3, 4]);
    let sent = rig.take_sent(2);
    assert!(
        sent.windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1)
    );
    assert_eq!(sent.len(), 4);
}

#[test]
fn packets_whose_first_turns_out_clear_are_never_forwarded_nor_repaired() {
    let (mut rig, from, to, seen) = call();
    rig.send(from, &Packet::video(0, 1, 0, &sealed(0, 2)))
        .unwrap();
    let first = rig.take_sent(2)[0].sequence;
    let _ = rig.send(from, &Packet::video(0, 3, 3_000, &rest(1)));
    let clear = vp8(true, 1, 1, 1, &[0x55; 60]);
    assert_eq!(
        rig.send(from, &Packet::video(0, 2, 3_000, &clear)),
        Err(Refusal::ClearMedia)
    );
    rig.send(from, &Packet::video(0, 4, 6_000, &sealed(1, 2)))
        .unwrap();
    rig.take_sent(2);
    assert_eq!(indices(&seen), [1, 4]);
    for offset in [1, 2] {
        rig.nack(to, 0, first + offset);
    }
    assert_eq!(rig.sent(2), []);
}

#[test]
fn a_room_that_does_not_demand_sealing_looks_at_nothing() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    rig.send(from, &Packet::audio(1, 20, &[0x78; 60])).unwrap();
    rig.send(
        from,
        &Packet {
            codec: Codec::H264,
            ..Packet::video(0, 1, 0, &[0x65; 9])
        },
    )
    .unwrap();
}
