// SPDX-License-Identifier: Apache-2.0

use super::*;

#[test]
fn what_waits_comes_back_in_order_with_the_time_it_came() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut waiting = Waiting::default();
    assert_eq!(waiting.deadline(), None);
    for ms in [0, 20, 40] {
        assert_eq!(waiting.keep(at(ms), at(ms), ms), Ok(()));
    }
    assert_eq!(waiting.deadline(), Some(at(300)));
    assert_eq!(waiting.take(), [(at(0), 0), (at(20), 20), (at(40), 40)]);
    assert_eq!(waiting.deadline(), None);
}

#[test]
fn nothing_waits_longer_than_300_ms_and_no_more_than_32_wait() {
    let start = Instant::now();
    let mut waiting = Waiting::default();
    let last = start + WAIT - Duration::from_millis(1);
    assert_eq!(waiting.keep(last, start, 0), Ok(()));
    assert_eq!(waiting.keep(start + WAIT, start, 1), Err(1));
    for number in 1..MOST_WAITING {
        assert_eq!(waiting.keep(start, start, number), Ok(()));
    }
    assert_eq!(waiting.keep(start, start, 99), Err(99));
}
