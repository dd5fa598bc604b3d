// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::SourceClock;

/// Seconds since 1900 as 32.32 bits.
fn ntp(millis: u64) -> u64 {
    (3_900_000_000_u64 << 32) + (millis << 32) / 1_000
}

#[test]
fn a_late_report_does_not_move_picture_against_sound() {
    let origin = Instant::now();
    let at = |ms| origin + Duration::from_millis(ms);
    let mut clock = SourceClock::new(origin);
    let sound = clock.on_sender_report(at(1_000), ntp(0), 1).unwrap();
    // Captured at the same moment, but 160 ms longer on the way.
    let picture = clock.on_sender_report(at(1_160), ntp(0), 2).unwrap();
    let apart = picture.at - sound.at;
    assert!(apart <= Duration::from_millis(10), "{apart:?}");
    assert_eq!((sound.timestamp, picture.timestamp), (1, 2));
    // A faster one is believed at once.
    let fast = clock.on_sender_report(at(1_990), ntp(1_000), 3).unwrap();
    assert!((at(1_990) - fast.at) < Duration::from_millis(1));
}

#[test]
fn a_clock_that_jumps_is_followed() {
    let origin = Instant::now();
    let mut clock = SourceClock::new(origin);
    for time in [ntp(0), 0, u64::MAX, ntp(7)] {
        let now = origin + Duration::from_secs(1);
        let captured = clock.on_sender_report(now, time, 0).unwrap();
        assert!(
            captured.at <= now + Duration::from_millis(1)
                && now - captured.at < Duration::from_secs(1)
        );
    }
}
