// SPDX-License-Identifier: Apache-2.0

use super::*;

fn told(run: impl FnOnce() -> io::Result<()>) -> Vec<Event> {
    let events = Events::new(true).unwrap();
    supervise(&events, run);
    let mut collected = Vec::new();
    events.drain(&mut collected);
    collected
}

#[test]
fn a_panic_and_an_error_are_told_and_a_wanted_end_is_not() {
    assert_eq!(
        told(|| panic!("a fault in the shard")),
        [Event::ShardFailed { shard: 0 }]
    );
    assert_eq!(
        told(|| Err(io::Error::other("poll failed"))),
        [Event::ShardFailed { shard: 0 }]
    );
    assert_eq!(told(|| Ok(())), []);
}

#[test]
fn random_bytes_are_not_the_same_twice() {
    assert_ne!(random(), random());
}
