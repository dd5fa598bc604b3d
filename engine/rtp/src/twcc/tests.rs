// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::rtcp::{Packet, packets};

/// What a recorder tells of these arrivals (number, microseconds), over as many feedbacks as it takes.
fn told(arrivals: &[(u16, u64)]) -> Vec<(u16, Option<i64>)> {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    for (sequence, micros) in arrivals {
        recorder.record(start + Duration::from_micros(*micros), *sequence);
    }
    collect(&mut recorder)
}

fn collect(recorder: &mut TwccRecorder) -> Vec<(u16, Option<i64>)> {
    let mut all = Vec::new();
    let mut packet = [0; 1000];
    while let Some(len) = recorder.write_feedback(&mut packet, 1, 2).unwrap() {
        let mut read = packets(&packet[..len]);
        let Some(Ok(Packet::TransportFeedback(feedback))) = read.next() else {
            panic!()
        };
        assert!(read.next().is_none());
        assert_eq!(feedback.reports().count(), usize::from(feedback.count));
        all.extend(feedback.reports());
    }
    assert!(!recorder.has_news());
    all
}

#[test]
fn arrivals_losses_and_reorder_are_told_in_ticks_of_250_us() {
    let told = told(&[(10, 1_000), (11, 1_500), (14, 1_250), (13, 90_000)]);
    assert_eq!(
        told,
        [
            (10, Some(1_000)),
            (11, Some(1_500)),
            (12, None),
            (13, Some(90_000)),
            (14, Some(1_250))
        ]
    );
}

#[test]
fn the_bytes_are_those_of_the_draft() {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    for (sequence, ticks) in [(0u16, 0u64), (1, 4), (3, 1)] {
        recorder.record(
            start + Duration::from_micros(64_000 + ticks * 250),
            sequence,
        );
    }
    let mut packet = [0; 64];
    let len = recorder
        .write_feedback(&mut packet, 0x0a0b_0c0d, 0x0102_0304)
        .unwrap()
        .unwrap();
    let wanted = [
        0x8f, 205, 0, 6, 0x0a, 0x0b, 0x0c, 0x0d, 1, 2, 3, 4, 0, 0, 0, 4, 0, 0, 1, 0, //
        // Two-bit vector: small, small, missing, large; then deltas 0, 4, -3.
        0xd4, 0x80, 0, 4, 0xff, 0xfd, 0, 0,
    ];
    assert_eq!(packet[..len], wanted);
}

#[test]
fn a_gap_too_long_for_a_delta_begins_another_feedback() {
    assert_eq!(
        told(&[(1, 0), (2, 9_000_000)]),
        [(1, Some(0)), (2, Some(9_000_000))]
    );
}

#[test]
fn nothing_is_told_twice_and_late_packets_are_told_later() {
    let start = Instant::now();
    let mut recorder = TwccRecorder::new(start);
    recorder.record(start, 65_535);
    recorder.record(start, 1);
    assert_eq!(
        collect(&mut recorder),
        [(65_535, Some(0)), (0, None), (1, Some(0))]
    );
    recorder.record(start, 1);
    assert_eq!(collect(&mut recorder), []);
    recorder.record(start + Duration::from_millis(1), 0);
    assert_eq!(collect(&mut recorder), [(0, Some(1_000)), (1, Some(0))]);
}

#[test]
fn a_jump_beyond_the_window_forgets_what_was_before() {
    let told = told(&[(0, 0), (5_000, 250), (4_999, 500), (3_000, 750)]);
    assert_eq!(told, [(4_999, Some(500)), (5_000, Some(250))]);
}

#[test]
fn a_run_that_announces_too_much_is_refused() {
    let body = |count: u16, chunk: u16| {
        let mut body = [0; 18];
        body[10..12].copy_from_slice(&count.to_be_bytes());
        body[16..].copy_from_slice(&chunk.to_be_bytes());
        Feedback::parse(&body).map(|feedback| feedback.count)
    };
    assert_eq!(body(8_191, 0x1fff), Ok(8_191));
    assert!(body(8_193, 0x1fff).is_err());
    assert!(body(8_192, 0x1fff).is_err());
    assert!(body(1, 0x2001).is_err());
    assert!(body(0, 0).is_err());
}

proptest! {
    #[test]
    fn what_came_is_told_with_its_time(
        first in any::<u16>(),
        steps in prop::collection::vec((1u16..6, 0u64..40_000), 1..300),
    ) {
        let (mut sequence, mut micros) = (first, 0);
        let mut arrivals = Vec::new();
        for (step, pause) in steps {
            sequence = sequence.wrapping_add(step);
            micros += pause;
            arrivals.push((sequence, micros));
        }
        let wanted: Vec<_> = arrivals.iter().rev().take_while(|(number, _)| sequence.wrapping_sub(*number) < 1_000)
            .map(|(number, micros)| (*number, i64::try_from(*micros / 250 * 250).unwrap())).collect();
        let told: std::collections::HashMap<_, _> =
            told(&arrivals).into_iter().filter_map(|(number, at)| Some((number, at?))).collect();
        for (number, at) in wanted {
            prop_assert_eq!(told.get(&number), Some(&at));
        }
    }
}
