// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::Reception;

#[test]
fn loss_is_counted_per_report_and_in_all() {
    let (mut reception, now) = (Reception::new(), Instant::now());
    for index in (0..100).filter(|index| index % 4 != 0 || *index == 0) {
        reception.on_packet(now, 65_500 + index, 0, 90_000);
    }
    let block = reception.block(now, 7).unwrap();
    assert_eq!(
        (block.ssrc, block.cumulative_lost, block.fraction_lost),
        (7, 24, 61)
    );
    assert_eq!(block.highest_sequence, 65_599);
    assert_eq!(reception.block(now, 7), None, "nothing came since");
    for index in 100..200 {
        reception.on_packet(now, 65_500 + index, 0, 90_000);
    }
    let block = reception.block(now, 7).unwrap();
    assert_eq!((block.cumulative_lost, block.fraction_lost), (24, 0));
}

#[test]
fn steady_arrival_has_no_jitter_and_uneven_arrival_has() {
    let (mut steady, mut uneven, start) = (Reception::new(), Reception::new(), Instant::now());
    for nth in 0..200_u32 {
        let due = start + Duration::from_millis(20) * nth;
        let timestamp = (u32::MAX - 5_000).wrapping_add(nth * 960);
        steady.on_packet(due, u64::from(nth), timestamp, 48_000);
        uneven.on_packet(
            due + Duration::from_millis(10) * (nth % 2),
            u64::from(nth),
            timestamp,
            48_000,
        );
    }
    assert_eq!(steady.block(start, 1).unwrap().jitter, 0);
    let jitter = uneven.block(start, 1).unwrap().jitter;
    assert!(
        (400..=480).contains(&jitter),
        "{jitter} of 480 units in 10 ms"
    );
}

#[test]
fn a_sender_report_is_echoed_with_its_age() {
    let (mut reception, now) = (Reception::new(), Instant::now());
    reception.on_packet(now, 5, 0, 90_000);
    reception.on_sender_report(now, 0xabcd_1234);
    let block = reception
        .block(now + Duration::from_millis(500), 1)
        .unwrap();
    assert_eq!(
        (
            block.last_sender_report,
            block.delay_since_last_sender_report
        ),
        (0xabcd_1234, 32_768)
    );
}
