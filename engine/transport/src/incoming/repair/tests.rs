// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::{Arrival, Repair};

const MS: Duration = Duration::from_millis(1);
const RTT: Option<Duration> = Some(Duration::from_millis(50));

fn asked(repair: &mut Repair, now: Instant) -> Vec<u16> {
    let mut out = [0; 64];
    let count = repair.poll(now, RTT, &mut out);
    out[..count].to_vec()
}

#[test]
fn a_hole_is_asked_for_after_a_moment_and_again_after_a_round_trip() {
    let (mut repair, now) = (Repair::new(true), Instant::now());
    assert_eq!(repair.on_packet(now, 65_534), Arrival::Fresh);
    assert_eq!(repair.on_packet(now, 65_538), Arrival::Fresh);
    assert_eq!(repair.due(), Some(now + 20 * MS));
    assert!(asked(&mut repair, now + 19 * MS).is_empty());
    assert_eq!(asked(&mut repair, now + 20 * MS), [65_535, 0, 1]);
    assert_eq!(repair.due(), Some(now + 70 * MS));
    assert_eq!(
        repair.on_retransmission(0),
        Some((65_536, Arrival::Filled { asked: true }))
    );
    assert_eq!(asked(&mut repair, now + 70 * MS), [65_535, 1]);
}

#[test]
fn a_reordered_packet_is_no_loss_and_a_second_copy_is_late() {
    let (mut repair, now) = (Repair::new(true), Instant::now());
    repair.on_packet(now, 10);
    repair.on_packet(now, 12);
    assert_eq!(repair.on_packet(now, 11), Arrival::Filled { asked: false });
    assert_eq!(repair.on_packet(now, 11), Arrival::Late);
    assert_eq!(repair.due(), None);
}

#[test]
fn a_retransmission_nobody_asked_for_fills_nothing() {
    let (mut repair, now) = (Repair::new(true), Instant::now());
    repair.on_packet(now, 10);
    assert_eq!(repair.on_retransmission(10), None);
    assert_eq!(repair.on_retransmission(9), None);
}

#[test]
fn a_hole_is_given_up_after_ten_requests_or_a_second() {
    let (mut repair, now) = (Repair::new(true), Instant::now());
    repair.on_packet(now, 10);
    repair.on_packet(now, 12);
    let mut requests = 0;
    for ms in 0..1_100 {
        requests += asked(&mut repair, now + ms * MS).len();
    }
    assert_eq!(requests, 10);
    assert_eq!(repair.due(), None);
    assert!(repair.take_overflow(), "a key frame has to help now");
    assert_eq!(repair.on_packet(now, 11), Arrival::Late);
    let mut slow = Repair::new(true);
    slow.on_packet(now, 10);
    slow.on_packet(now, 12);
    assert!(asked(&mut slow, now + 1_000 * MS).is_empty());
}

#[test]
fn holes_are_bounded() {
    let (mut repair, now) = (Repair::new(true), Instant::now());
    repair.on_packet(now, 0);
    repair.on_packet(now, 10_000);
    assert_eq!(repair.due(), None);
    assert!(repair.take_overflow());
    assert!(!repair.take_overflow());
    for nth in 0..2_000 {
        repair.on_packet(now, 10_000 + 2 * nth);
    }
    assert!(repair.holes.len() <= 128);
}

#[test]
fn without_repair_every_packet_is_fresh() {
    let (mut repair, now) = (Repair::new(false), Instant::now());
    for index in [1, 9, 3] {
        assert_eq!(repair.on_packet(now, index), Arrival::Fresh);
    }
    assert_eq!(repair.due(), None);
}
