// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use rtp::rtcp::{self, ReportBlock};

use super::send::video;
use super::{AUDIO_PT, MID, MS, RID, RRID, World, path};
use crate::{OutgoingRtp, PeerTransport, Received, RoundTripSource, SlotReport, SlotSent};

const FIRST: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"q")];
const AGAIN: [(u8, &[u8]); 2] = [(MID, b"1"), (RRID, b"q")];

/// Expected, lost, repaired.
fn counts(world: &World) -> (u64, u64, u64) {
    let Received {
        expected,
        lost,
        repaired,
        ..
    } = world.peer.received(1, 0).unwrap();
    (expected, lost, repaired)
}

fn report(ssrc: u32, cumulative_lost: i32, last_sender_report: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 64,
        cumulative_lost,
        jitter: 450,
        last_sender_report,
        ..ReportBlock::default()
    }
}

#[test]
fn of_a_layer_that_never_came_nothing_is_known() {
    let world = World::connected();
    assert_eq!(world.peer.received(1, 0), None);
    assert_eq!(world.peer.received(9, 9), None);
    assert_eq!(world.peer.sent(1), SlotSent::default());
    assert_eq!(world.peer.sent(77), SlotSent::default());
}

#[test]
fn what_comes_by_retransmission_alone_is_repaired_and_what_does_not_come_is_lost() {
    let mut world = World::connected();
    world.video(10, 100, &FIRST);
    world.video(10, 104, &[]);
    assert_eq!(counts(&world), (5, 3, 0));
    world.pass(25 * MS);
    world.retransmit(11, 5, 101, &AGAIN);
    world.retransmit(11, 6, 102, &[]);
    assert_eq!(counts(&world), (5, 1, 2));
    world.retransmit(11, 7, 102, &[]);
    assert_eq!(counts(&world), (5, 1, 2), "twice is once");
    world.video(10, 101, &[]);
    assert_eq!(counts(&world), (5, 1, 1), "the original was only late");
    world.video(10, 103, &[]);
    assert_eq!(
        counts(&world),
        (5, 0, 1),
        "asked for, and it came by itself"
    );
}

#[test]
fn a_packet_that_overtook_another_is_no_loss_once_both_are_there() {
    let mut world = World::connected();
    for index in [100, 102, 101] {
        world.video(10, index, &FIRST);
    }
    assert_eq!(counts(&world), (3, 0, 0));
}

#[test]
fn counts_go_on_when_the_layer_begins_anew_with_another_ssrc() {
    let mut world = World::connected();
    world.video(10, 100, &FIRST);
    world.video(10, 103, &[]);
    world.video(20, 7_000, &FIRST);
    world.video(20, 7_002, &[]);
    assert_eq!(counts(&world), (4 + 3, 2 + 1, 0));
}

#[test]
fn jitter_is_told_in_time_and_not_in_ticks() {
    let mut world = World::connected();
    // A packet of 20 ms each, alternately 5 ms early and late.
    for index in 100..300 {
        let packet = world
            .browser
            .rtp(AUDIO_PT, 5, index, &[(MID, b"0")], b"sound");
        world.give(path(1), packet);
        world.now += if index % 2 == 0 { 25 * MS } else { 15 * MS };
    }
    let jitter = world.peer.received(0, 0).unwrap().jitter;
    assert!(jitter.abs_diff(5 * MS) < MS / 5, "{jitter:?}");
}

#[test]
fn a_slot_counts_what_was_sent_sent_again_and_asked_for() {
    let mut world = World::connected();
    for index in 1..=3 {
        world.send(&video(index), b"picture").unwrap();
    }
    let again = OutgoingRtp {
        rtx: true,
        ..video(2)
    };
    world.send(&again, b"picture").unwrap();
    // 9,000 was never sent: what a peer makes up counts for nothing.
    world.feedback(|buf| rtcp::write_nack(buf, 9, 4_000, &[2, 3, 9_000]));
    world.feedback(|buf| rtcp::write_pli(buf, 9, 4_000));
    world.feedback(|buf| rtcp::write_fir(buf, 9, 4_000, 1));
    world.feedback(|buf| rtcp::write_pli(buf, 9, 666));
    let expected = SlotSent {
        packets: 3,
        payload_bytes: 21,
        resent: 1,
        nacked: 2,
        key_frames_asked: 2,
        report: None,
    };
    assert_eq!(world.peer.sent(1), expected);
    assert_eq!(world.peer.sent(0), SlotSent::default());
}

#[test]
fn the_latest_report_of_a_slot_is_told_with_its_jitter_in_time() {
    let mut world = World::connected();
    world.send(&video(1), b"picture").unwrap();
    for lost in [7, -2] {
        let blocks = [report(4_000, lost, 0), report(12_345, 99, 0)];
        world.feedback(|buf| rtcp::write_receiver_report(buf, 9, &blocks));
        let told = SlotReport {
            lost,
            fraction_lost: 64,
            jitter: 5 * MS,
        };
        assert_eq!(world.peer.sent(1).report, Some(told));
    }
}

#[test]
fn a_report_gives_the_round_trip_time_for_five_seconds_then_checks_do() {
    let mut world = World::connected();
    let by_checks = world.peer.round_trip(world.now).unwrap();
    assert_eq!(
        (by_checks.source, by_checks.time),
        (RoundTripSource::Stun, Duration::ZERO)
    );
    world.send(&video(1), b"picture").unwrap();
    world.pass(1_100 * MS);
    let sent = world.browser.rtcp_got(|packet| match packet {
        rtcp::Packet::SenderReport(report) => Some((report.info.ntp >> 16) as u32),
        _ => None,
    });
    world.now += 130 * MS;
    let blocks = [report(4_000, 0, sent[0])];
    world.feedback(|buf| rtcp::write_receiver_report(buf, 9, &blocks));
    let reported = world.peer.round_trip(world.now).unwrap();
    assert_eq!(reported.source, RoundTripSource::Rtcp);
    // Our report was sent 1 s after the keys were there.
    let expected = 230 * MS;
    assert!(
        reported.time.abs_diff(expected) <= MS,
        "{:?}",
        reported.time
    );
    // A report that echoes none of ours says nothing of time.
    let blocks = [report(4_000, 0, 0)];
    world.feedback(|buf| rtcp::write_receiver_report(buf, 9, &blocks));
    assert_eq!(world.peer.round_trip(world.now), Some(reported));
    world.pass(5_000 * MS);
    assert_eq!(
        world.peer.round_trip(world.now).unwrap().source,
        RoundTripSource::Stun
    );
    assert!(world.peer.is_connected());
}
