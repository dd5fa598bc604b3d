// SPDX-License-Identifier: Apache-2.0

use sframe::{RoomKind, Suite};

use super::*;

fn context() -> RoomContext {
    RoomContext {
        suite: Suite::Aes256GcmSha512,
        app: 1,
        kind: RoomKind::String,
        room: "r".to_owned(),
        instance: [7; 16],
    }
}

fn member(index: u16) -> Keys {
    let mut keys = Keys::default();
    keys.set_room(context(), index);
    keys
}

fn sealed(keys: &mut Keys, now: Instant) -> Option<Vec<u8>> {
    keys.seal(now, Track::Audio, Codec::Opus, b"sound")
        .map(Result::unwrap)
}

#[test]
fn nothing_is_sealed_before_the_first_secret() {
    let now = Instant::now();
    let mut keys = member(0);
    assert_eq!(sealed(&mut keys, now), None);
    assert!(keys.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO));
    assert!(sealed(&mut keys, now).is_some());
    assert!(!keys.add_secret(now, 2, 0, &[1; 32], false, Duration::ZERO));
}

#[test]
fn a_new_epoch_is_used_after_its_time_and_understood_at_once() {
    let now = Instant::now();
    let (mut one, mut other) = (member(0), member(1));
    for keys in [&mut one, &mut other] {
        keys.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO);
    }
    one.add_secret(now, 2, 0, &[2; 64], false, Duration::from_millis(300));
    other.add_secret(now, 2, 0, &[2; 64], false, Duration::ZERO);
    let early = sealed(&mut one, now).unwrap();
    let late = sealed(&mut one, now + Duration::from_millis(300)).unwrap();
    assert_ne!(early[..5], late[..5]);
    for frame in [early, late] {
        assert_eq!(
            other
                .open(now, Track::Audio, Codec::Opus, Some(0), &frame)
                .unwrap()
                .frame,
            b"sound"
        );
    }
    let frame = sealed(&mut other, now).unwrap();
    assert_eq!(
        one.open(now, Track::Audio, Codec::Opus, Some(1), &frame)
            .unwrap()
            .frame,
        b"sound"
    );
}

#[test]
fn a_step_follows_from_the_secret_before_and_from_no_other() {
    let now = Instant::now();
    let (mut one, mut other) = (member(0), member(1));
    assert!(!one.step(now, 1, 1));
    one.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO);
    other.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO);
    assert!(!one.step(now, 1, 2));
    assert!(one.step(now, 1, 1));
    assert!(other.step(now, 1, 1));
    let frame = sealed(&mut one, now).unwrap();
    assert_eq!(
        other
            .open(now, Track::Audio, Codec::Opus, Some(0), &frame)
            .unwrap()
            .index,
        0
    );
}

#[test]
fn a_secret_that_comes_again_never_sets_a_counter_back() {
    let now = Instant::now();
    let mut alice = member(0);
    assert!(alice.add_secret(now, 1, 0, &[7; 64], false, Duration::ZERO));
    let mut seen = vec![sealed(&mut alice, now).unwrap()];
    for _ in 0..3 {
        // As after each new line of the same member.
        alice.set_room(context(), 0);
        assert!(alice.add_secret(now, 1, 0, &[7; 64], false, Duration::ZERO));
        let frame = sealed(&mut alice, now).unwrap();
        assert!(!seen.contains(&frame), "the same body with the same nonce");
        seen.push(frame);
    }
}

#[test]
fn removals_closer_together_than_the_delay_do_not_hold_each_other_up() {
    let start = Instant::now();
    let ms = Duration::from_millis;
    let mut alice = member(0);
    assert!(alice.add_secret(start, 1, 0, &[1; 64], false, Duration::ZERO));
    for epoch in 2..=12_u8 {
        let at = start + ms(100) * u32::from(epoch);
        assert!(alice.add_secret(at, epoch.into(), 0, &[epoch; 64], true, ms(300)));
        // What came 300 ms ago, and not the epoch before the first removal.
        let in_use = epoch.max(4) - 3;
        let mut bob = member(1);
        assert!(bob.add_secret(at, in_use.into(), 0, &[in_use; 64], false, Duration::ZERO));
        let frame = sealed(&mut alice, at).unwrap();
        let opened = bob.open(at, Track::Audio, Codec::Opus, Some(0), &frame);
        assert!(opened.is_ok(), "epoch {epoch}");
    }
}

#[test]
fn a_step_of_an_epoch_that_waits_waits_with_it() {
    let start = Instant::now();
    let ms = Duration::from_millis;
    let (mut alice, mut bob) = (member(0), member(1));
    for keys in [&mut alice, &mut bob] {
        assert!(keys.add_secret(start, 1, 0, &[1; 64], false, Duration::ZERO));
    }
    assert!(alice.add_secret(start, 2, 0, &[2; 64], true, ms(300)));
    assert!(alice.step(start + ms(100), 2, 1));
    for (after, known) in [(299, true), (300, false)] {
        let frame = sealed(&mut alice, start + ms(after)).unwrap();
        let opened = bob.open(
            start + ms(after),
            Track::Audio,
            Codec::Opus,
            Some(0),
            &frame,
        );
        assert_eq!(opened.is_ok(), known, "after {after} ms");
    }
}
