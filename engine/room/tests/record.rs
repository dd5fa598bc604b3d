// SPDX-License-Identifier: Apache-2.0
//! What a room can tell of a call to those who are in it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use std::time::Duration;

use rig::{Packet, Rig, session, vp8};
use room::{LayerRecord, Refusal, SealSeen, TrackRecord};
use rtp::Codec;
use transport::session::Track;

/// KID of epoch 1, step 2, index 3, with a counter of one byte.
fn header(track: u8, counter: u8) -> [u8; 6] {
    [0b1011_1000, 0x01, 0x20, 0, 0x30 | track, counter]
}

fn frame(key: bool, counter: u8) -> Vec<u8> {
    let prefix: &[u8] = if key {
        &[2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0]
    } else {
        &[0; 2]
    };
    let body = [prefix, &header(2, counter), &[0xEE; 40]].concat();
    vp8(true, u8::from(!key), 1, 1, &body)
}

fn of(rig: &Rig, track: Track) -> TrackRecord {
    let found = rig.room.record(rig.now);
    found.into_iter().find(|one| one.track == track).unwrap()
}

#[test]
fn nothing_stands_in_it_of_a_track_that_never_came() {
    let mut rig = Rig::new(true);
    rig.join(1, &session(0, 0));
    assert_eq!(rig.room.record(rig.now), []);
}

#[test]
fn packets_bytes_key_frames_and_the_open_header_are_told_for_each_layer() {
    let mut rig = Rig::new(true);
    let from = rig.join(1, &session(0, 0));
    let (key, delta) = (frame(true, 9), frame(false, 12));
    rig.send(from, &Packet::video(1, 1, 0, &key)).unwrap();
    rig.pass(250);
    rig.send(from, &Packet::video(1, 2, 3_000, &delta)).unwrap();
    let seal = SealSeen {
        key_id: 0x0120_0032,
        first_counter: 9,
        last_counter: 12,
        frames: 2,
    };
    let layer = LayerRecord {
        layer: 1,
        codec: Codec::Vp8,
        packets: 2,
        payload_bytes: (key.len() + delta.len()) as u64,
        key_frame_age: Some(Duration::from_millis(250)),
        picture: Some((320, 180)),
        seal: Some(seal),
    };
    assert_eq!(of(&rig, Track::Main).layers, [layer]);
}

#[test]
fn the_headers_of_another_key_id_are_counted_anew() {
    let mut rig = Rig::new(true);
    let from = rig.join(1, &session(0, 0));
    rig.send(from, &Packet::video(0, 1, 0, &frame(true, 200)))
        .unwrap();
    let mut next = frame(false, 10);
    let at = next.len() - 40 - 6;
    next[at + 1] = 2;
    rig.send(from, &Packet::video(0, 2, 3_000, &next)).unwrap();
    let seal = of(&rig, Track::Main).layers[0].seal.unwrap();
    assert_eq!((seal.key_id, seal.frames), (0x0220_0032, 1));
    assert_eq!((seal.first_counter, seal.last_counter), (10, 10));
}

#[test]
fn the_size_of_an_h264_picture_is_that_of_its_clear_parameter_sets_and_stays() {
    // 640x360 in an aggregate of both parameter sets, then the slice of the key frame in another packet.
    const PARAMETERS: &[u8] = &[
        0x78, 0, 24, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x61, 0, 0, 3, 0, 1, 0,
        0, 3, 0, 0x3c, 0x0f, 0x16, 0x2e, 0x48, 0, 2, 0x68, 0xce,
    ];
    let mut rig = Rig::new(true);
    let from = rig.join(1, &session(0, 0));
    let slice = [&[0x65, 0xb8][..], &header(2, 9), &[0xEE; 40]].concat();
    for (sequence, payload) in [(1, PARAMETERS), (2, &slice)] {
        let packet = Packet {
            codec: Codec::H264,
            ..Packet::video(0, sequence, 0, payload)
        };
        rig.send(from, &packet).unwrap();
        let layers = of(&rig, Track::Main).layers;
        assert_eq!(layers[0].picture, Some((640, 360)));
    }
}

#[test]
fn what_was_refused_is_told_of_the_track_it_came_on() {
    let mut rig = Rig::new(true);
    let from = rig.join(1, &session(0, 0));
    let clear = vp8(true, 0, 1, 1, &[0x55; 60]);
    rig.send(from, &Packet::video(0, 1, 0, &clear)).unwrap_err();
    rig.send(from, &Packet::audio(1, 20, &[0x78; 60]))
        .unwrap_err();
    rig.send(from, &Packet::audio(2, 20, &[])).unwrap_err();
    for track in [Track::Main, Track::Audio] {
        let record = of(&rig, track);
        assert_eq!(
            record.refused,
            [(Refusal::ClearMedia, 1)],
            "padding is none"
        );
        assert_eq!(record.layers, []);
        assert_eq!(
            record.loudness, None,
            "nothing is taken from what is refused"
        );
    }
}

#[test]
fn the_level_in_the_packets_header_is_told_as_it_stood_there_also_of_silence() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    for (sequence, level) in [(1, 20), (2, 126)] {
        rig.send(from, &Packet::audio(sequence, level, &[0x78; 60]))
            .unwrap();
        assert_eq!(of(&rig, Track::Audio).loudness, Some(level));
    }
    let layer = &of(&rig, Track::Audio).layers[0];
    assert_eq!(
        (layer.codec, layer.packets, layer.seal),
        (Codec::Opus, 2, None)
    );
}
