// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use rtp::rtcp::{self, Packet, ReportBlock};

use super::{AUDIO_PT, LEVEL, MID, MS, RTX_PT, VIDEO_PT, World, path};
use crate::session::{DtlsVersion, Rights};
use crate::{
    DropReason, Egress, OutgoingRtp, PeerEvent, PeerTransport, RtpClock, Sent, Slab, Transmit,
};

pub(super) fn video(ext_sequence: u64) -> OutgoingRtp<'static> {
    let codec = rtp::Codec::Vp8;
    OutgoingRtp {
        slot: 1,
        rtx: false,
        codec,
        marker: true,
        ext_sequence,
        timestamp: 9_000,
        extensions: &[],
    }
}

impl World {
    pub(super) fn send(&mut self, out: &OutgoingRtp<'_>, payload: &[u8]) -> Sent {
        let mut tx = Egress::new(&mut self.slab, &mut self.wire);
        let sent = self.peer.send_rtp(self.now, out, payload, &mut tx);
        drop(tx);
        self.settle(path(1));
        sent
    }

    pub(super) fn feedback(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, rtp::Error>) {
        let mut compound = [0; 400];
        let len = write(&mut compound).unwrap();
        let packet = self.browser.rtcp(&compound[..len]);
        assert!(matches!(self.give(path(1), packet), crate::Input::Handled));
    }
}

#[test]
fn a_packet_arrives_as_the_slot_names_it() {
    let mut world = World::connected();
    let extensions: &[(rtp::ExtensionKind, &[u8])] = &[
        (rtp::ExtensionKind::AudioLevel, &[40]),
        (rtp::ExtensionKind::PlayoutDelay, &[1, 2, 3]),
        (rtp::ExtensionKind::Mid, b"3"),
    ];
    let out = OutgoingRtp {
        slot: 0,
        codec: rtp::Codec::Opus,
        marker: false,
        extensions,
        ..video(65_536 + 7)
    };
    // A receiver starts with a roll-over counter of zero, so a slot does as well.
    world
        .send(
            &OutgoingRtp {
                ext_sequence: 65_535,
                ..out
            },
            b"before",
        )
        .unwrap();
    let bytes = world.send(&out, b"sealed opus").unwrap();
    let (header, packet) = world.browser.rtp_got().remove(1);
    assert_eq!(
        (header.ssrc, header.payload_type, header.sequence),
        (3_000, AUDIO_PT, 7)
    );
    assert_eq!((header.timestamp, header.marker), (9_000, false));
    assert_eq!(header.payload(&packet), b"sealed opus");
    let seen: Vec<_> = header.extensions(&packet).collect();
    assert_eq!(
        seen,
        [(LEVEL, [40].as_slice()), (MID, b"3".as_slice())],
        "what the slot did not agree to is left out"
    );
    assert_eq!(bytes, packet.len() + 16);
}

#[test]
fn a_retransmission_goes_over_its_own_stream() {
    let mut world = World::connected();
    world.send(&video(500), b"frame").unwrap();
    world
        .send(
            &OutgoingRtp {
                rtx: true,
                ..video(500)
            },
            b"frame",
        )
        .unwrap();
    world
        .send(
            &OutgoingRtp {
                rtx: true,
                ..video(500)
            },
            b"frame",
        )
        .unwrap();
    let got = world.browser.rtp_got();
    assert_eq!(got.len(), 3);
    for (nth, (header, packet)) in got.iter().skip(1).enumerate() {
        assert_eq!(
            (
                header.ssrc,
                header.payload_type,
                usize::from(header.sequence)
            ),
            (4_001, RTX_PT, nth)
        );
        assert_eq!(
            header.payload(packet),
            [&500_u16.to_be_bytes()[..], b"frame"].concat()
        );
    }
}

#[test]
fn what_cannot_be_sent_has_a_reason() {
    let mut fresh = World::new(DtlsVersion::V12);
    assert_eq!(fresh.send(&video(1), b"x"), Err(DropReason::NotConnected));
    let mut world = World::connected();
    world.send(&video(1), b"x").unwrap();
    assert_eq!(world.send(&video(1), b"y"), Err(DropReason::NonceReuse));
    assert_eq!(
        world.send(
            &OutgoingRtp {
                slot: 2,
                ..video(2)
            },
            b"x"
        ),
        Err(DropReason::UnknownSlot)
    );
    assert_eq!(
        world.send(
            &OutgoingRtp {
                codec: rtp::Codec::Av1,
                ..video(2)
            },
            b"x"
        ),
        Err(DropReason::CodecNotNegotiated)
    );
    let audio = OutgoingRtp {
        slot: 0,
        codec: rtp::Codec::Opus,
        ..video(1)
    };
    assert_eq!(
        world.send(&OutgoingRtp { rtx: true, ..audio }, b"x"),
        Err(DropReason::NoRetransmission)
    );
    assert_eq!(
        world.send(&video(2), &[0; 2_048]),
        Err(DropReason::TooLarge)
    );
    let long: &[(rtp::ExtensionKind, &[u8])] = &[(rtp::ExtensionKind::Mid, &[0; 300])];
    assert_eq!(
        world.send(
            &OutgoingRtp {
                extensions: long,
                ..video(2)
            },
            b"x"
        ),
        Err(DropReason::HeaderOverflow)
    );
    world
        .peer
        .set_rights(Rights::ALL.without(Rights::RECEIVE_AUDIO));
    assert_eq!(
        world.send(&audio, b"x"),
        Err(DropReason::NoRightReceiveAudio)
    );
    world.peer.set_rights(Rights::RECEIVE_SCREEN);
    world.send(&video(3), b"x").unwrap();
    world.peer.set_rights(Rights::NONE);
    assert_eq!(
        world.send(&video(4), b"x"),
        Err(DropReason::NoRightReceiveVideo)
    );
    assert_eq!(world.browser.rtp_got().len(), 2);
    assert_eq!(world.drops(DropReason::NonceReuse), 1);
}

#[test]
fn equal_packets_of_one_batch_are_one_send() {
    struct Sizes(Vec<(usize, usize)>);
    impl Transmit for Sizes {
        fn transmit(&mut self, _path: ice::Path, segment_size: usize, contents: &[u8]) {
            self.0.push((segment_size, contents.len()));
        }
    }
    let mut world = World::connected();
    let (mut slab, mut sizes) = (Slab::new(), Sizes(Vec::new()));
    let mut tx = Egress::new(&mut slab, &mut sizes);
    for index in 0..8 {
        world
            .peer
            .send_rtp(world.now, &video(index), &[7; 1_100], &mut tx)
            .unwrap();
    }
    world
        .peer
        .send_rtp(world.now, &video(8), &[7; 300], &mut tx)
        .unwrap();
    drop(tx);
    assert_eq!(sizes.0, [(1_128, 8 * 1_128 + 328)]);
}

#[test]
fn requests_of_the_peer_become_events_of_the_slot() {
    let mut world = World::connected();
    for index in 65_530..65_540 {
        world.send(&video(index), b"x").unwrap();
    }
    world.events.clear();
    world.feedback(|buf| rtcp::write_nack(buf, 9, 4_000, &[65_535, 1, 900]));
    world.feedback(|buf| rtcp::write_pli(buf, 9, 4_000));
    world.feedback(|buf| rtcp::write_fir(buf, 9, 3_000, 1));
    world.feedback(|buf| rtcp::write_pli(buf, 9, 12_345));
    let expected = [
        PeerEvent::Nack {
            slot: 1,
            ext_sequence: 65_535,
        },
        PeerEvent::Nack {
            slot: 1,
            ext_sequence: 65_537,
        },
        PeerEvent::KeyFrameRequested { slot: 1 },
        PeerEvent::KeyFrameRequested { slot: 0 },
    ];
    assert_eq!(world.events, expected);
}

#[test]
fn sender_reports_name_every_slot_in_use_and_measure_the_round_trip() {
    let mut world = World::connected();
    world.send(&video(1), b"12345").unwrap();
    world.peer.set_slot_clock(
        1,
        RtpClock {
            at: world.now,
            timestamp: 100,
        },
    );
    world.pass(Duration::from_millis(1_050));
    let reports = world.browser.rtcp_got(|packet| match packet {
        Packet::SenderReport(report) => Some(report.info),
        _ => None,
    });
    assert_eq!(reports.len(), 1, "the audio slot sent nothing");
    let info = reports[0];
    assert_eq!((info.ssrc, info.packets, info.octets), (4_000, 1, 5));
    assert_eq!(info.rtp_timestamp, 90_100);
    let block = ReportBlock {
        ssrc: 4_000,
        fraction_lost: 12,
        jitter: 33,
        last_sender_report: u32::try_from(info.ntp >> 16 & 0xffff_ffff).unwrap(),
        delay_since_last_sender_report: 65_536 / 100,
        ..ReportBlock::default()
    };
    world.events.clear();
    world.feedback(|buf| rtcp::write_receiver_report(buf, 9, &[block]));
    let Some(PeerEvent::Feedback {
        slot: 1,
        loss: 12,
        rtt: Some(rtt),
        jitter: 33,
    }) = world.events.first()
    else {
        panic!("{:?}", world.events)
    };
    assert!(
        (39 * MS..=41 * MS).contains(rtt),
        "50 ms less the 10 ms it was held: {rtt:?}"
    );
    world.pass(Duration::from_secs(3));
    let later = world
        .browser
        .rtcp_got(|packet| matches!(packet, Packet::SenderReport(_)).then_some(()));
    assert_eq!(later.len(), 1, "nothing sent, nothing reported");
}

#[test]
fn a_slot_added_later_is_sent_to_as_well() {
    let mut world = World::connected();
    let mut slot = world.session.slots[1].clone();
    (slot.mid, slot.ssrc, slot.rtx_ssrc) = ("9".into(), 9_000, Some(9_001));
    world.session.slots.push(slot);
    world.peer.update(world.now, &world.session).unwrap();
    world
        .send(
            &OutgoingRtp {
                slot: 2,
                ..video(1)
            },
            b"x",
        )
        .unwrap();
    let (header, _) = world.browser.rtp_got().remove(0);
    assert_eq!((header.ssrc, header.payload_type), (9_000, VIDEO_PT));
}
