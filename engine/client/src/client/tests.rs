// SPDX-License-Identifier: Apache-2.0

use super::*;

#[test]
fn events_that_nobody_collects_are_bounded_and_the_end_is_told_all_the_same() {
    let mut client = Client::new(Instant::now(), ClientConfig::default()).unwrap();
    for _ in 0..MOST_EVENTS + 10 {
        client.tell(Event::Refused {
            slot: 0,
            reason: Refusal::BadTag,
        });
    }
    client.end();
    assert_eq!(client.stats().events_dropped, 10);
    let told: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
    assert_eq!(told.len(), MOST_EVENTS + 1);
    assert!(matches!(told.last(), Some(Event::Closed)));
}
