// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::KeyFrameGate;

/// Milliseconds at which requests go out while somebody waits until `end`.
fn requests(gate: &mut KeyFrameGate, start: Instant, end: u64) -> Vec<u64> {
    let at = |ms| start + Duration::from_millis(ms);
    (0..end)
        .filter(|ms| gate.on_deadline(at(*ms), true))
        .collect()
}

#[test]
fn the_first_goes_at_once_the_second_after_200_ms_then_every_500_ms() {
    let start = Instant::now();
    let mut gate = KeyFrameGate::default();
    assert!(gate.want(start));
    assert_eq!(requests(&mut gate, start, 2_000), [200, 700, 1_200, 1_700]);
}

#[test]
fn whoever_asks_meanwhile_changes_nothing() {
    let start = Instant::now();
    let mut gate = KeyFrameGate::default();
    assert!(gate.want(start));
    assert!((1..200).all(|ms| !gate.want(start + Duration::from_millis(ms))));
    assert_eq!(requests(&mut gate, start, 600), [200]);
}

#[test]
fn after_a_key_frame_the_next_request_keeps_a_distance_of_100_ms() {
    let start = Instant::now();
    let mut gate = KeyFrameGate::default();
    assert!(gate.want(start));
    gate.settle();
    assert_eq!(gate.deadline(), None);
    assert!(!gate.want(start + Duration::from_millis(30)));
    assert_eq!(requests(&mut gate, start, 700), [100, 300]);
}

#[test]
fn a_key_frame_ends_the_wait_and_the_question() {
    let start = Instant::now();
    let mut gate = KeyFrameGate::default();
    gate.ask();
    assert!(gate.is_asked() && gate.want(start));
    gate.settle();
    assert!(!gate.is_asked());
    assert_eq!(requests(&mut gate, start, 2_000), [0_u64; 0]);
}

#[test]
fn nobody_waits_any_more() {
    let start = Instant::now();
    let mut gate = KeyFrameGate::default();
    assert!(gate.want(start));
    assert!(!gate.on_deadline(start + Duration::from_millis(200), false));
    assert_eq!(gate.deadline(), None);
}
