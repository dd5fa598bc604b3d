// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use rtp::rtcp::Packet;

use super::{AUDIO_PT, LEVEL, MID, MS, RID, RRID, RTX_PT, TWCC, VIDEO_PT, World, path};
use crate::session::Rights;
use crate::{DropReason, Input, PeerEvent, PeerTransport, RtpIn};

/// A VP8 packet: descriptor with the start bit, then a key frame's first bytes.
const KEY_FRAME: &[u8] = &[0x10, 0x00, 0x9d, 0x01, 0x2a, 1, 2, 3, 4, 5, 6];

fn taken(input: Input) -> RtpIn {
    match input {
        Input::Rtp(packet) => packet,
        other => panic!("{other:?}"),
    }
}

fn dropped(input: Input) -> DropReason {
    match input {
        Input::Dropped(reason) => reason,
        other => panic!("{other:?}"),
    }
}

impl World {
    pub(super) fn video(&mut self, ssrc: u32, index: u64, extensions: &[(u8, &[u8])]) -> Input {
        let packet = self
            .browser
            .rtp(VIDEO_PT, ssrc, index, extensions, KEY_FRAME);
        self.give(path(1), packet)
    }

    pub(super) fn retransmit(
        &mut self,
        ssrc: u32,
        index: u64,
        osn: u16,
        extensions: &[(u8, &[u8])],
    ) -> (Input, Vec<u8>) {
        let payload = [osn.to_be_bytes().as_slice(), KEY_FRAME].concat();
        let mut packet = self.browser.rtp(RTX_PT, ssrc, index, extensions, &payload);
        let input = self.give_in_place(path(1), &mut packet);
        (input, packet)
    }
}

#[test]
fn a_layer_is_learned_by_mid_and_rid_and_known_without_them_later() {
    let mut world = World::connected();
    let named: [(u32, &[u8], u8); 3] = [(20, b"h", 1), (10, b"q", 0), (30, b"f", 2)];
    for (ssrc, rid, layer) in named {
        let first = taken(world.video(ssrc, 65_535, &[(MID, b"1"), (RID, rid)]));
        assert_eq!(
            (first.track, first.layer, first.ext_sequence),
            (1, layer, 65_535)
        );
        assert_eq!((first.codec, first.clock_rate), (rtp::Codec::Vp8, 90_000));
        assert!(
            first.info.key_frame
                && first.info.frame_start
                && !first.repaired
                && first.header.marker
        );
        let second = taken(world.video(ssrc, 65_536, &[]));
        assert_eq!(
            (second.track, second.layer, second.ext_sequence),
            (1, layer, 65_536)
        );
    }
}

#[test]
fn the_payload_lies_decrypted_in_the_buffer() {
    let mut world = World::connected();
    let extensions: &[(u8, &[u8])] = &[(MID, b"0"), (LEVEL, &[0x80 | 33])];
    let mut packet = world.browser.rtp(AUDIO_PT, 5, 1, extensions, b"opus frame");
    let input = taken(world.give_in_place(path(1), &mut packet));
    assert_eq!(input.header.payload(&packet), b"opus frame");
    assert_eq!(
        input.audio_level,
        Some(rtp::AudioLevel {
            voice: true,
            level_dbov: 33
        })
    );
    assert_eq!((input.track, input.codec), (0, rtp::Codec::Opus));
}

#[test]
fn an_ssrc_that_nothing_names_is_refused_and_one_that_a_payload_type_names_is_not() {
    let mut world = World::connected();
    assert_eq!(
        dropped(world.video(10, 1, &[])),
        DropReason::UnknownSsrc,
        "two tracks use this payload type"
    );
    assert_eq!(
        dropped(world.video(10, 2, &[(MID, b"7")])),
        DropReason::UnknownSsrc
    );
    assert_eq!(
        dropped(world.video(10, 3, &[(MID, b"1")])),
        DropReason::UnknownSsrc,
        "no layer"
    );
    assert_eq!(
        dropped(world.video(10, 4, &[(MID, b"1"), (RID, b"z")])),
        DropReason::UnknownSsrc
    );
    assert_eq!(
        dropped(world.video(10, 5, &[(MID, b"0")])),
        DropReason::UnknownPayloadType
    );
    assert_eq!(taken(world.video(10, 6, &[(MID, b"2")])).track, 2);
    let audio = world.browser.rtp(AUDIO_PT, 77, 9, &[], b"x");
    assert_eq!(taken(world.give(path(1), audio)).track, 0);
}

#[test]
fn a_hint_of_the_offer_names_an_ssrc() {
    let mut world = World::connected();
    world.session.sends[2].ssrcs = vec![555];
    world.peer.update(world.now, &world.session).unwrap();
    assert_eq!(taken(world.video(555, 1, &[])).track, 2);
}

#[test]
fn a_hole_is_asked_for_and_its_retransmission_counts_as_repair() {
    let mut world = World::connected();
    world.video(10, 100, &[(MID, b"1"), (RID, b"q")]);
    world.video(10, 103, &[]);
    world.pass(25 * MS);
    let nacked = world.browser.rtcp_got(|packet| match packet {
        Packet::Nack(nack) => Some((nack.media_ssrc, nack.sequences().collect::<Vec<_>>())),
        _ => None,
    });
    assert_eq!(nacked, [(10, vec![101, 102])]);
    let (input, packet) = world.retransmit(11, 5, 101, &[(MID, b"1"), (RRID, b"q")]);
    let repaired = taken(input);
    assert!(repaired.repaired);
    assert_eq!(
        (
            repaired.header.ssrc,
            repaired.header.sequence,
            repaired.ext_sequence
        ),
        (10, 101, 101)
    );
    assert_eq!(
        (repaired.header.payload_type, repaired.track, repaired.layer),
        (VIDEO_PT, 1, 0)
    );
    assert_eq!(repaired.header.payload(&packet), KEY_FRAME);
    assert_eq!(
        dropped(world.video(10, 101, &[])),
        DropReason::Late,
        "the original, after its repair"
    );
    let late = taken(world.video(10, 102, &[]));
    assert!(late.repaired, "asked for, and the original came after all");
}

#[test]
fn a_retransmission_nobody_asked_for_is_a_probe_and_no_repair() {
    let mut world = World::connected();
    let (first_of_all, _) =
        world.retransmit(11, 5, 99, &[(MID, b"1"), (RRID, b"q"), (TWCC, &[0, 1])]);
    assert_eq!(dropped(first_of_all), DropReason::Probe);
    world.video(10, 100, &[(MID, b"1"), (RID, b"q"), (TWCC, &[0, 2])]);
    assert_eq!(
        dropped(world.retransmit(11, 6, 100, &[(TWCC, &[0, 3])]).0),
        DropReason::Probe
    );
    let padding_only = world.browser.rtp(RTX_PT, 11, 7, &[(TWCC, &[0, 4])], &[]);
    assert_eq!(
        dropped(world.give(path(1), padding_only)),
        DropReason::Probe
    );
    let nameless = world
        .browser
        .rtp(VIDEO_PT, 0, 1, &[(TWCC, &[0, 5])], &[0; 50]);
    assert_eq!(dropped(world.give(path(1), nameless)), DropReason::Probe);
    world.pass(50 * MS);
    let covered = world.browser.rtcp_got(|packet| match packet {
        Packet::TransportFeedback(feedback) => Some(
            feedback
                .reports()
                .map(|report| report.0)
                .collect::<Vec<_>>(),
        ),
        _ => None,
    });
    assert_eq!(
        covered,
        [vec![1, 2, 3, 4, 5]],
        "probes are what the sender's estimate lives on"
    );
    assert_eq!(world.drops(DropReason::Probe), 4);
}

#[test]
fn media_without_the_right_is_dropped_by_reason_until_the_right_comes() {
    let mut world = World::connected();
    world
        .peer
        .set_rights(Rights::ALL.without(Rights::SEND_VIDEO));
    let q: &[(u8, &[u8])] = &[(MID, b"1"), (RID, b"q")];
    assert_eq!(dropped(world.video(10, 1, q)), DropReason::NoRightSendVideo);
    world
        .peer
        .set_rights(Rights::ENTER.with(Rights::SEND_VIDEO));
    taken(world.video(10, 2, q));
    assert_eq!(
        dropped(world.video(40, 1, &[(MID, b"2")])),
        DropReason::NoRightSendScreen
    );
    let audio = world.browser.rtp(AUDIO_PT, 5, 1, &[(MID, b"0")], b"x");
    assert_eq!(
        dropped(world.give(path(1), audio)),
        DropReason::NoRightSendAudio
    );
    world.peer.set_rights(Rights::NONE);
    world.retransmit(11, 5, 99, &[(MID, b"1"), (RRID, b"q")]);
    assert_eq!(
        world.drops(DropReason::NoRightSendVideo),
        2,
        "retransmissions too"
    );
}

#[test]
fn forged_and_repeated_packets_are_refused() {
    let mut world = World::connected();
    let packet = world.browser.rtp(AUDIO_PT, 5, 1, &[(MID, b"0")], b"x");
    let mut forged = packet.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(dropped(world.give(path(1), forged)), DropReason::AuthFailed);
    taken(world.give(path(1), packet.clone()));
    assert_eq!(
        dropped(world.give(path(1), packet.clone())),
        DropReason::Replay
    );
    assert_eq!(
        dropped(world.give(path(66), packet)),
        DropReason::UnknownPath
    );
    assert_eq!(
        dropped(world.give(path(1), vec![0x80, 96, 0])),
        DropReason::MalformedRtp
    );
    assert_eq!(
        dropped(world.give(path(1), vec![0xff; 30])),
        DropReason::UnknownProtocol
    );
    let mut report = world.browser.rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9]);
    assert!(matches!(
        world.give(path(1), report.clone()),
        Input::Handled
    ));
    assert_eq!(
        dropped(world.give(path(1), report.clone())),
        DropReason::Replay
    );
    report[5] ^= 1;
    assert_eq!(dropped(world.give(path(1), report)), DropReason::AuthFailed);
}

#[test]
fn media_before_the_keys_is_refused() {
    let mut world = World::new(crate::session::DtlsVersion::V12);
    assert_eq!(
        dropped(world.give(path(1), vec![0x80; 40])),
        DropReason::NotConnected
    );
    assert_eq!(
        dropped(world.give(path(1), [&[0x80, 200][..], &[0; 40]].concat())),
        DropReason::NotConnected
    );
}

#[test]
fn feedback_goes_out_every_fifty_milliseconds_and_reports_every_second() {
    let mut world = World::connected();
    let mut index = 0;
    for nth in 0_u16..200 {
        // One in ten is lost.
        index += if nth % 10 == 9 { 2 } else { 1 };
        world.video(10, index, &[(MID, b"2"), (TWCC, &nth.to_be_bytes())]);
        world.pass(10 * MS);
    }
    let feedback = world
        .browser
        .rtcp_got(|packet| matches!(packet, Packet::TransportFeedback(_)).then_some(()));
    assert!(
        (35..=41).contains(&feedback.len()),
        "{} in two seconds",
        feedback.len()
    );
    let blocks = world.browser.rtcp_got(|packet| match packet {
        Packet::ReceiverReport { blocks, .. } => Some(blocks.collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(blocks[0][0].ssrc, 10);
    assert!(
        (20..30).contains(&blocks[0][0].fraction_lost),
        "{}",
        blocks[0][0].fraction_lost
    );
    let names = world
        .browser
        .rtcp_got(|packet| matches!(packet, Packet::SourceDescription).then_some(()));
    assert_eq!(names.len(), 2);
    world.pass(Duration::from_secs(3));
    let after = world
        .browser
        .rtcp_got(|packet| matches!(packet, Packet::TransportFeedback(_)).then_some(()));
    assert!(after.len() <= feedback.len() + 1, "no packets, no feedback");
}

#[test]
fn a_key_frame_is_asked_of_the_layer_it_is_wanted_of() {
    let mut world = World::connected();
    world.video(10, 1, &[(MID, b"1"), (RID, b"q")]);
    world.video(20, 1, &[(MID, b"1"), (RID, b"h")]);
    world.peer.request_key_frame(world.now, 1, 1);
    assert_eq!(world.peer.deadline(), Some(world.now));
    world.pass(Duration::ZERO);
    let asked = |world: &World| {
        world.browser.rtcp_got(|packet| match packet {
            Packet::Pli { media_ssrc } => Some(media_ssrc),
            _ => None,
        })
    };
    assert_eq!(asked(&world), [20]);
    // More lost than can be repaired: only a key frame helps.
    world.video(10, 5_000, &[]);
    world.pass(Duration::ZERO);
    assert_eq!(asked(&world), [20, 10]);
}

#[test]
fn a_sender_report_becomes_the_clock_of_its_layer() {
    let mut world = World::connected();
    world.video(10, 1, &[(MID, b"1"), (RID, b"q")]);
    let info = rtp::rtcp::SenderInfo {
        ssrc: 10,
        ntp: 5 << 32,
        rtp_timestamp: 1_234,
        packets: 1,
        octets: 1,
    };
    let mut compound = [0; 28];
    rtp::rtcp::write_sender_report(&mut compound, &info, &[]).unwrap();
    let packet = world.browser.rtcp(&compound);
    world.give(path(1), packet);
    let Some(PeerEvent::Clock {
        track,
        layer,
        clock,
    }) = world.events.last()
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!((*track, *layer, clock.timestamp), (1, 0, 1_234));
    assert!(world.now - clock.at < MS);
}

#[test]
fn ssrcs_are_bounded_and_a_replaced_one_does_not_come_back() {
    let mut world = World::connected();
    for ssrc in 1..=200 {
        let input = world.video(ssrc, 1, &[(MID, b"2")]);
        assert_eq!(matches!(input, Input::Rtp(_)), ssrc <= 128, "{ssrc}");
    }
    assert_eq!(world.drops(DropReason::TooManyStreams), 72);
    assert_eq!(
        dropped(world.video(5, 2, &[(MID, b"2")])),
        DropReason::UnknownSsrc
    );
}
