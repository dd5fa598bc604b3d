// SPDX-License-Identifier: Apache-2.0
//! What is measured of a room: who receives what for how long, and what flows where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use std::time::Duration;

use rig::{Packet, Rig, session, vp8};
use room::{ParticipantId, ParticipantMeasures, ResolutionClass, Shown};
use rtp::Codec;
use transport::session::{Rights, Track};

use ResolutionClass::{Fhd, Hd, Sd, Unknown};

/// The first packet of a VP8 key frame of this size.
fn key(width: u16, height: u16) -> Vec<u8> {
    let ([w0, w1], [h0, h1]) = (width.to_le_bytes(), height.to_le_bytes());
    vp8(true, 0, 1, 1, &[2, 0, 0x9d, 1, 0x2a, w0, w1, h0, h1, 0])
}

fn delta() -> Vec<u8> {
    vp8(true, 1, 2, 1, &[0; 20])
}

/// A publisher, a subscriber, and the next number of each of the publisher's layers.
struct Call {
    rig: Rig,
    from: ParticipantId,
    to: ParticipantId,
    sequence: u64,
}

impl Call {
    fn new() -> Self {
        let mut rig = Rig::new(false);
        let (from, to) = (rig.join(1, &session(0, 0)), rig.join(2, &session(3, 1)));
        Self {
            rig,
            from,
            to,
            sequence: 0,
        }
    }

    fn send(&mut self, send: u8, layer: u8, payload: &[u8]) {
        self.sequence += 1;
        let timestamp = (self.rig.now - self.rig.start).as_millis() as u32 * 90;
        let packet = Packet {
            send,
            ssrc: 1_000 + u32::from(send) * 10 + u32::from(layer),
            marker: true,
            ..Packet::video(layer, self.sequence, timestamp, payload)
        };
        self.rig.send(self.from, &packet).unwrap();
    }

    /// A picture each 100 ms, the first a key frame.
    fn stream(&mut self, send: u8, layer: u8, size: (u16, u16), milliseconds: u64) {
        self.send(send, layer, &key(size.0, size.1));
        for _ in 0..milliseconds / 100 {
            self.rig.pass(100);
            self.send(send, layer, &delta());
        }
    }

    fn bind(&mut self, slot: u16, generation: u32, source: Option<(Track, u8)>) {
        let source = source.map(|(track, layer)| (1, track, layer));
        self.rig.bind(self.to, slot, generation, source);
    }

    fn of(&self, id: ParticipantId) -> ParticipantMeasures {
        self.rig.room.measures_of(self.rig.now, id).unwrap()
    }

    /// Milliseconds of video by class.
    fn video(&self) -> Vec<(ResolutionClass, u64)> {
        let usage = self.of(self.to).usage;
        let times = ResolutionClass::ALL.into_iter().zip(usage.video);
        let counted = times.map(|(class, time)| (class, time.as_millis() as u64));
        counted.filter(|(_, time)| *time > 0).collect()
    }
}

#[test]
fn nothing_is_received_before_a_picture_was_forwarded() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.rig.pass(500);
    call.send(1, 0, &delta());
    call.rig.pass(500);
    assert_eq!(call.video(), []);
    assert_eq!(call.of(call.to).usage.connected, Duration::from_secs(1));
    assert_eq!(call.of(call.to).down[0].shown, None);
    call.stream(1, 0, (640, 360), 1_000);
    assert_eq!(call.video(), [(Sd, 1_000)]);
    let shown = Shown {
        peer: 1,
        track: Track::Main,
        layer: 0,
        size: Some(Sd),
    };
    assert_eq!(call.of(call.to).down[0].shown, Some(shown));
    assert_eq!(
        call.of(call.from).usage.video,
        [Duration::ZERO; 6],
        "the publisher gets nothing"
    );
}

#[test]
fn a_larger_picture_counts_from_its_key_frame_on() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 480), 1_000);
    call.stream(1, 0, (1_280, 720), 700);
    assert_eq!(call.video(), [(Sd, 1_000), (Hd, 700)]);
}

#[test]
fn another_layer_counts_when_it_flows_and_not_when_it_was_asked_for() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.send(1, 2, &key(1_920, 1_080));
    call.stream(1, 0, (320, 180), 500);
    call.bind(0, 2, Some((Track::Main, 2)));
    for _ in 0..3 {
        call.rig.pass(100);
        call.send(1, 0, &delta());
        call.send(1, 2, &delta());
    }
    assert_eq!(call.video(), [(Sd, 800)]);
    call.stream(1, 2, (1_920, 1_080), 600);
    assert_eq!(call.video(), [(Sd, 800), (Fhd, 600)]);
}

#[test]
fn pictures_in_several_slots_are_added() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.bind(1, 1, Some((Track::Screen, 0)));
    call.send(2, 0, &key(1_280, 720));
    call.stream(1, 0, (640, 360), 900);
    assert_eq!(call.video(), [(Fhd, 900)], "921,600 and 230,400 pixels");
    call.bind(1, 2, None);
    call.rig.pass(200);
    assert_eq!(call.video(), [(Sd, 200), (Fhd, 900)]);
}

#[test]
fn a_picture_whose_size_does_not_lie_open_is_received_all_the_same() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 360), 500);
    // VP9: a descriptor that begins a key frame, and nothing of its size.
    let sequence = call.sequence + 1;
    let payload = [0x08, 0x55, 0x55, 0x55];
    let packet = Packet {
        codec: Codec::Vp9,
        ssrc: 1_010,
        ..Packet::video(0, sequence, 90_000, &payload)
    };
    call.rig.send(call.from, &packet).unwrap();
    call.rig.pass(300);
    assert_eq!(call.video(), [(Sd, 500), (Unknown, 300)]);
    assert_eq!(
        call.of(call.from).up[1].layers[0].picture,
        None,
        "the old codec's size says nothing"
    );
}

#[test]
fn a_size_ends_with_its_codec_also_where_the_next_one_says_it_later() {
    let mut call = Call::new();
    call.stream(1, 0, (640, 360), 100);
    assert_eq!(call.of(call.from).up[1].layers[0].picture, Some((640, 360)));
    // A key frame's slice; the parameter sets were lost.
    let slice = [0x65, 0xb8, 0xEE, 0xEE, 0xEE];
    let packet = Packet {
        codec: Codec::H264,
        ssrc: 1_010,
        ..Packet::video(0, call.sequence + 1, 90_000, &slice)
    };
    call.rig.send(call.from, &packet).unwrap();
    assert_eq!(call.of(call.from).up[1].layers[0].picture, None);
}

#[test]
fn what_was_muted_ends_at_once() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 360), 500);
    call.rig.room.set_muted(call.from, Track::Main, true);
    call.rig.flush();
    call.rig.pass(4_000);
    assert_eq!(call.video(), [(Sd, 500)]);
    assert_eq!(call.of(call.to).down[0].shown, None);
    call.rig.room.set_muted(call.from, Track::Main, false);
    call.stream(1, 0, (640, 360), 300);
    assert_eq!(call.video(), [(Sd, 800)]);
}

#[test]
fn what_stops_by_itself_ends_two_seconds_later_and_goes_on_where_it_does() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 360), 500);
    call.rig.pass(1_900);
    assert_eq!(call.video(), [(Sd, 2_400)]);
    call.rig.pass(8_100);
    let (_, counted) = call.video()[0];
    assert!(
        (2_500..=2_700).contains(&counted),
        "{counted} ms: looked at each 200 ms"
    );
    assert_eq!(call.of(call.to).down[0].shown, None);
    assert_eq!(call.rig.room.deadline(), None, "nothing to look at");
    // The picture stood still; no key frame is needed to go on.
    call.send(1, 0, &delta());
    call.rig.pass(300);
    assert_eq!(call.video(), [(Sd, counted + 300)]);
}

#[test]
fn who_may_not_receive_or_send_any_more_ends_it() {
    let everything = Rights::ALL;
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 360), 500);
    let deaf = Rights::ENTER.with(Rights::RECEIVE_AUDIO);
    call.rig.room.set_rights(call.to, deaf);
    call.rig.flush();
    call.rig.pass(400);
    call.rig.room.set_rights(call.to, everything);
    call.stream(1, 0, (640, 360), 300);
    assert_eq!(call.video(), [(Sd, 800)]);
    call.rig.room.set_rights(call.from, deaf);
    call.rig.flush();
    call.rig.pass(400);
    assert_eq!(call.video(), [(Sd, 800)]);
}

#[test]
fn a_publisher_that_leaves_or_begins_anew_ends_it() {
    let mut call = Call::new();
    call.bind(0, 1, Some((Track::Main, 0)));
    call.stream(1, 0, (640, 360), 500);
    // Another SSRC: nothing flows before its key frame.
    let payload = delta();
    let packet = Packet {
        ssrc: 7,
        ..Packet::video(0, 1, 0, &payload)
    };
    call.rig.send(call.from, &packet).unwrap();
    call.rig.pass(200);
    assert_eq!(call.video(), [(Sd, 500)]);
    let payload = key(640, 360);
    let packet = Packet {
        ssrc: 7,
        ..Packet::video(0, 2, 0, &payload)
    };
    call.rig.send(call.from, &packet).unwrap();
    call.rig.pass(100);
    assert_eq!(call.video(), [(Sd, 600)]);
    call.rig.leave(1, call.from);
    call.rig.pass(400);
    assert_eq!(call.video(), [(Sd, 600)]);
    assert_eq!(call.rig.room.measures_of(call.rig.now, call.from), None);
}

#[test]
fn sound_flows_without_a_size_and_is_not_metered_as_video() {
    let mut call = Call::new();
    for sequence in 1..=5 {
        call.rig.pass(20);
        let packet = Packet::audio(sequence, 20, &[0x78; 40]);
        call.rig.send(call.from, &packet).unwrap();
    }
    let shown = call.of(call.to).down[3].shown.unwrap();
    assert_eq!(
        (shown.peer, shown.track, shown.size),
        (1, Track::Audio, None)
    );
    let up = &call.of(call.from).up[0];
    assert_eq!((up.track, up.loudness), (Track::Audio, Some(20)));
    assert_eq!(call.video(), []);
}

#[test]
fn pictures_are_counted_by_their_last_packets() {
    let mut call = Call::new();
    for picture in 0..3_u32 {
        for part in 0..4 {
            call.sequence += 1;
            let (start, marker) = (part == 0, part == 3);
            let payload = vp8(start, 1, 1, 1, &[0; 30]);
            let packet = Packet {
                marker,
                ..Packet::video(1, call.sequence, picture * 3_000, &payload)
            };
            call.rig.send(call.from, &packet).unwrap();
        }
    }
    let camera = &call.of(call.from).up[1];
    let layer = camera.layers[1];
    assert_eq!(
        (camera.send, layer.layer, layer.codec),
        (1, 1, Some(Codec::Vp8))
    );
    assert_eq!((layer.packets, layer.marked), (12, 3));
    assert_eq!(layer.payload_bytes, 12 * 37);
    assert_eq!(camera.layers[0].packets, 0);
}
