// SPDX-License-Identifier: Apache-2.0
//! Bindings, layers and key frames.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use std::time::Duration;

use rig::{Packet, Rig, SentPacket, session, vp8};
use room::{BindRefusal, ParticipantId, Refusal, RoomEvent};
use rtp::vp8::Descriptor;
use rtp::{Codec, ExtensionKind};
use transport::session::Track;
use transport::{PeerEvent, RtpClock};

struct Call {
    rig: Rig,
    from: ParticipantId,
    to: ParticipantId,
}

/// Peer 1 publishes, peer 2 has bound its slot 0 to peer 1's camera, at this layer.
fn call(layer: u8) -> Call {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(2, 1));
    rig.bind(to, 0, 1, Some((1, Track::Main, layer)));
    Call { rig, from, to }
}

impl Call {
    fn frame(&mut self, layer: u8, sequence: u64, key: bool) {
        let body = [layer, sequence as u8];
        let payload = vp8(
            true,
            u8::from(!key),
            100 * u16::from(layer) + sequence as u16,
            sequence as u8,
            &body,
        );
        let timestamp = sequence as u32 * 3_000 + u32::from(layer) * 1_000_000;
        self.rig
            .send(
                self.from,
                &Packet::video(layer, sequence, timestamp, &payload),
            )
            .unwrap();
    }

    /// Layers of what the subscriber got since the last call.
    fn layers(&mut self) -> Vec<u8> {
        self.rig.take_sent(2).iter().map(layer_of).collect()
    }
}

fn layer_of(packet: &SentPacket) -> u8 {
    packet.payload[7]
}

fn picture_id(packet: &SentPacket) -> u16 {
    Descriptor::parse(&packet.payload)
        .unwrap()
        .read_picture_id(&packet.payload)
        .unwrap()
}

#[test]
fn nothing_flows_before_a_key_frame_and_one_is_asked_for() {
    let mut call = call(0);
    call.frame(0, 1, false);
    assert_eq!(call.layers(), [0_u8; 0]);
    assert_eq!(call.rig.refused(Refusal::BeforeKeyFrame), 1);
    assert_eq!(call.rig.requests(1, 0), [0]);
    call.frame(0, 2, true);
    call.frame(0, 3, false);
    assert_eq!(call.layers(), [0, 0]);
}

#[test]
fn a_first_packet_that_begins_a_key_frame_needs_no_request() {
    let mut call = call(2);
    for layer in [0, 1, 2] {
        call.frame(layer, 1, true);
    }
    assert_eq!(call.layers(), [0, 1, 2]);
    assert!((0..3).all(|layer| call.rig.requests(1, layer).is_empty()));
}

#[test]
fn an_announced_layer_that_never_comes_is_not_waited_for() {
    let mut call = call(2);
    call.frame(0, 1, true);
    assert_eq!(call.layers(), [0]);
    call.frame(1, 1, true);
    call.frame(0, 2, false);
    call.frame(1, 2, false);
    assert_eq!(call.layers(), [1, 1], "the nearest below");
}

#[test]
fn a_layer_that_stops_gives_way_after_a_second_and_comes_back() {
    let mut call = call(1);
    for layer in [0, 1] {
        call.frame(layer, 1, true);
    }
    call.layers();
    for round in 2..30 {
        call.rig.pass(50);
        call.frame(0, round, false);
    }
    assert_eq!(call.layers(), [0_u8; 0]);
    assert!(!call.rig.requests(1, 0).is_empty());
    call.frame(0, 30, true);
    call.frame(0, 31, false);
    assert_eq!(call.layers(), [0, 0]);
    call.frame(1, 2, false);
    call.frame(0, 32, false);
    call.frame(1, 3, true);
    call.frame(0, 33, false);
    assert_eq!(call.layers(), [0, 1]);
}

#[test]
fn a_switch_keeps_number_picture_id_and_time_running() {
    let mut call = call(0);
    for layer in [0, 2] {
        call.frame(layer, 1, true);
    }
    call.frame(0, 2, false);
    call.rig.bind(call.to, 0, 2, Some((1, Track::Main, 2)));
    call.rig.pass(40);
    call.frame(0, 3, false);
    call.frame(2, 2, false);
    call.rig.pass(20);
    call.frame(2, 3, true);
    call.frame(0, 4, false);
    call.frame(2, 4, false);
    let sent = call.rig.take_sent(2);
    assert_eq!(
        sent.iter().map(layer_of).collect::<Vec<_>>(),
        [0, 0, 0, 2, 2]
    );
    for pair in sent.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(picture_id(&pair[1]), picture_id(&pair[0]) + 1);
        let (before, after) = (pair[0].payload[4], pair[1].payload[4]);
        assert_eq!(after, before + 1, "TL0PICIDX");
        assert!((1..=10_000).contains(&pair[1].timestamp.wrapping_sub(pair[0].timestamp)));
    }
    assert_eq!(
        sent[3].timestamp - sent[2].timestamp,
        20 * 90,
        "the time that passed"
    );
    assert_eq!(call.rig.requests(1, 2).len(), 1);
}

#[test]
fn time_runs_on_even_where_none_has_passed() {
    let mut call = call(2);
    for layer in [0, 1, 2] {
        call.frame(layer, 1, true);
    }
    let sent = call.rig.take_sent(2);
    assert!(
        sent.windows(2)
            .all(|pair| pair[1].timestamp == pair[0].timestamp.wrapping_add(1))
    );
}

#[test]
fn clocks_that_cannot_be_true_are_not_believed() {
    let mut call = call(0);
    for layer in [0, 2] {
        call.frame(layer, 1, true);
    }
    let at = call.rig.now;
    for (layer, timestamp) in [(0, 3_000), (2, 77)] {
        let clock = RtpClock { at, timestamp };
        call.rig.event(
            call.from,
            PeerEvent::Clock {
                track: 1,
                layer,
                clock,
            },
        );
    }
    call.rig.bind(call.to, 0, 2, Some((1, Track::Main, 2)));
    call.rig.pass(50);
    call.frame(2, 2, true);
    let sent = call.rig.take_sent(2);
    assert_eq!(sent[1].timestamp - sent[0].timestamp, 50 * 90);
}

#[test]
fn sender_reports_line_up_the_layers_clocks() {
    let mut call = call(0);
    for layer in [0, 2] {
        call.frame(layer, 1, true);
    }
    let at = call.rig.now;
    for (layer, timestamp) in [(0, 3_000), (2, 2_003_000)] {
        let clock = RtpClock { at, timestamp };
        call.rig.event(
            call.from,
            PeerEvent::Clock {
                track: 1,
                layer,
                clock,
            },
        );
    }
    call.rig.bind(call.to, 0, 2, Some((1, Track::Main, 2)));
    // Arrives 33 ms late: the clocks say better than its arrival when it was captured.
    call.rig.pass(66);
    call.frame(2, 2, true);
    let sent = call.rig.take_sent(2);
    assert_eq!(sent[1].timestamp - sent[0].timestamp, 3_000);
    let clocks = &call.rig.peers.0[&2].clocks;
    let offset = sent[0].timestamp.wrapping_sub(3_000);
    assert_eq!(
        clocks[0],
        (
            0,
            RtpClock {
                at,
                timestamp: 3_000_u32.wrapping_add(offset)
            }
        )
    );
    assert_eq!(
        clocks[1],
        (
            0,
            RtpClock {
                at,
                timestamp: 3_000_u32.wrapping_add(offset)
            }
        ),
        "the same line goes on"
    );
}

#[test]
fn another_source_ends_what_was_in_the_slot_at_once() {
    let mut call = call(0);
    let other = call.rig.join(3, &session(0, 0));
    call.frame(0, 1, true);
    call.rig.bind(call.to, 0, 2, Some((3, Track::Main, 0)));
    assert_eq!(call.rig.peers.0[&2].cleared, [0]);
    call.frame(0, 2, false);
    call.frame(0, 3, true);
    assert_eq!(call.layers(), [0]);
    let picture = vp8(true, 0, 9, 9, &[7, 7]);
    call.rig
        .send(other, &Packet::video(0, 70, 5, &picture))
        .unwrap();
    assert_eq!(call.layers(), [7]);
    call.rig.bind(call.to, 0, 3, None);
    call.rig
        .send(other, &Packet::video(0, 71, 5, &picture))
        .unwrap();
    assert_eq!(call.layers(), [0_u8; 0]);
}

#[test]
fn a_source_may_be_bound_before_it_comes_and_after_it_went() {
    let mut rig = Rig::new(false);
    let to = rig.join(2, &session(1, 0));
    rig.bind(to, 0, 1, Some((1, Track::Main, 2)));
    let picture = vp8(true, 0, 1, 1, b"p");
    for round in 1..4 {
        let from = rig.join(1, &session(0, 0));
        rig.send(from, &Packet::video(0, round, 0, &picture))
            .unwrap();
        assert_eq!(rig.take_sent(2).len(), 1);
        rig.leave(1, from);
    }
}

#[test]
fn bindings_are_answered_one_by_one() {
    let mut call = call(0);
    call.rig.events();
    call.rig.bind(call.to, 0, 1, None);
    call.rig.bind(call.to, 0, 5, Some((1, Track::Screen, 0)));
    call.rig.bind(call.to, 0, 4, None);
    call.rig.bind(call.to, 1, 1, Some((1, Track::Audio, 0)));
    call.rig.bind(call.to, 2, 1, Some((1, Track::Main, 0)));
    call.rig.bind(call.to, 99, 1, None);
    let refused = |slot, generation, reason| RoomEvent::BindRefused {
        peer: 2,
        slot,
        generation,
        reason,
    };
    assert_eq!(
        call.rig.events(),
        [
            refused(0, 1, BindRefusal::OldGeneration),
            RoomEvent::Bound {
                peer: 2,
                slot: 0,
                generation: 5
            },
            refused(0, 4, BindRefusal::OldGeneration),
            refused(1, 1, BindRefusal::NotVideo),
            refused(2, 1, BindRefusal::NoSuchSlot),
            refused(99, 1, BindRefusal::NoSuchSlot),
        ]
    );
}

#[test]
fn a_codec_the_subscriber_lacks_is_counted_and_asked_for_by_nobody() {
    let mut call = call(0);
    for sequence in 1..20 {
        // H.264: a key frame, single NAL unit of type 5.
        let packet = Packet {
            codec: Codec::H264,
            ..Packet::video(0, sequence, 0, &[0x65, 1, 2, 3])
        };
        call.rig.send(call.from, &packet).unwrap();
        call.rig.pass(100);
    }
    call.rig
        .event(call.to, PeerEvent::KeyFrameRequested { slot: 0 });
    assert_eq!(call.layers(), [0_u8; 0]);
    assert_eq!(call.rig.refused(Refusal::CodecNotNegotiated), 19);
    assert_eq!(call.rig.requests(1, 0), [0_u64; 0]);
}

#[test]
fn extensions_are_carried_by_kind() {
    let mut call = call(0);
    let picture = vp8(true, 0, 1, 1, &[0, 0]);
    let capture = [9; 8];
    let extensions: [(u8, &[u8]); 4] = [(2, &[1]), (3, &[1, 2, 3]), (4, &capture), (9, &[1, 2])];
    let packet = Packet {
        extensions: &extensions,
        ..Packet::video(0, 1, 0, &picture)
    };
    call.rig.send(call.from, &packet).unwrap();
    let wrong_length: [(u8, &[u8]); 2] = [(2, &[1, 2]), (4, &[1, 2, 3])];
    let packet = Packet {
        extensions: &wrong_length,
        ..Packet::video(0, 2, 0, &picture)
    };
    call.rig.send(call.from, &packet).unwrap();
    let sent = call.rig.take_sent(2);
    let expected = [
        (ExtensionKind::VideoOrientation, vec![1]),
        (ExtensionKind::PlayoutDelay, vec![1, 2, 3]),
        (ExtensionKind::AbsCaptureTime, capture.to_vec()),
    ];
    assert_eq!(sent[0].extensions, expected);
    assert_eq!(sent[1].extensions, []);
}

#[test]
fn padding_is_not_forwarded_and_leaves_no_hole() {
    let mut call = call(0);
    call.frame(0, 1, true);
    assert_eq!(
        call.rig.send(call.from, &Packet::video(0, 2, 0, &[])),
        Err(Refusal::Padding)
    );
    call.frame(0, 3, false);
    let sent = call.rig.take_sent(2);
    assert_eq!(sent[1].sequence, sent[0].sequence + 1);
}

#[test]
fn a_new_ssrc_begins_anew_with_a_key_frame_and_late_packets_of_the_old_are_refused() {
    let mut call = call(0);
    call.frame(0, 5_000, true);
    let [key, delta] = [0, 1].map(|tag| vp8(true, tag, 1, 1, &[0, 0]));
    call.rig
        .send(
            call.from,
            &Packet {
                ssrc: 77,
                ..Packet::video(0, 1, 0, &delta)
            },
        )
        .unwrap();
    assert_eq!(call.rig.requests(1, 0), [0]);
    let late = Packet::video(0, 5_001, 0, &[0x10, 1]);
    assert_eq!(call.rig.send(call.from, &late), Err(Refusal::StaleStream));
    call.rig
        .send(
            call.from,
            &Packet {
                ssrc: 77,
                ..Packet::video(0, 2, 0, &key)
            },
        )
        .unwrap();
    let sent = call.rig.take_sent(2);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].sequence, sent[0].sequence + 1);
}

#[test]
fn key_frames_are_asked_for_until_one_comes_and_only_while_somebody_waits() {
    let mut call = call(0);
    call.frame(0, 1, true);
    call.rig.pass(1_000);
    call.frame(0, 2, false);
    for _ in 0..10 {
        call.rig
            .event(call.to, PeerEvent::KeyFrameRequested { slot: 0 });
    }
    for sequence in 3..20 {
        call.rig.pass(100);
        call.frame(0, sequence, false);
    }
    assert_eq!(call.rig.requests(1, 0), [1_000, 1_200, 1_700, 2_200, 2_700]);
    call.frame(0, 20, true);
    call.rig.pass(2_000);
    assert_eq!(call.rig.requests(1, 0).len(), 5);
    // Now somebody waits and then leaves.
    call.rig.room.request_key_frame(call.to, 0);
    call.rig.flush();
    assert_eq!(call.rig.requests(1, 0).len(), 6);
    call.rig.leave(2, call.to);
    call.rig.pass(3_000);
    assert_eq!(call.rig.requests(1, 0).len(), 6);
    assert_eq!(call.rig.room.deadline(), None, "an idle room wakes nobody");
}

#[test]
fn a_subscriber_whose_transport_is_not_up_wastes_no_key_frame() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.room.join(room::PeerKey(2), 2, &session(1, 0)).unwrap();
    rig.peers.0.insert(2, rig::FakePeer::default());
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    let frame = |key: bool| vp8(true, u8::from(!key), 1, 1, &[0, 0]);
    rig.send(from, &Packet::video(0, 1, 0, &frame(true)))
        .unwrap();
    rig.send(from, &Packet::video(0, 2, 0, &frame(false)))
        .unwrap();
    assert!(rig.sent(2).is_empty() && rig.requests(1, 0).is_empty());
    rig.now += Duration::from_millis(50);
    let profile = srtp::Profile::AeadAes256Gcm;
    rig.event(
        to,
        PeerEvent::Connected {
            profile,
            dtls: transport::session::DtlsVersion::V12,
        },
    );
    assert_eq!(rig.requests(1, 0), [50]);
    rig.send(from, &Packet::video(0, 3, 0, &frame(true)))
        .unwrap();
    assert_eq!(rig.sent(2).len(), 1);
}

#[test]
fn tracks_are_reported_when_they_begin_and_stop_to_flow() {
    let mut call = call(0);
    call.rig.events();
    call.frame(1, 1, true);
    call.frame(0, 1, true);
    let active = |event: &RoomEvent| match event {
        RoomEvent::TrackActive {
            peer,
            track,
            layers,
        } => Some((*peer, *track, layers.iter().collect::<Vec<_>>())),
        _ => None,
    };
    let news: Vec<_> = call.rig.events().iter().filter_map(active).collect();
    assert_eq!(
        news,
        [(1, Track::Main, vec![0, 1])],
        "told as it is, not step by step"
    );
    call.rig.pass(900);
    call.frame(0, 2, false);
    call.rig.pass(400);
    let news: Vec<_> = call.rig.events().iter().filter_map(active).collect();
    assert_eq!(news, [(1, Track::Main, vec![0])]);
    call.rig.pass(2_000);
    let news: Vec<_> = call.rig.events().iter().filter_map(active).collect();
    assert_eq!(news, [(1, Track::Main, vec![])]);
}
