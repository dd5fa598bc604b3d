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

/// Somebody who was put out, and has the secret of before, does not open `frame`.
fn assert_sealed_beyond(outsider: &mut Keys, frame: &[u8], now: Instant) {
    let opened = outsider.open(now, Track::Audio, Codec::Opus, Some(0), frame);
    assert!(opened.is_err(), "who was put out opens it");
}

#[test]
fn who_was_silent_for_some_epochs_goes_on_with_the_latest_whose_time_has_come() {
    let mut now = Instant::now();
    let (mut alice, mut outsider) = (member(0), member(1));
    for keys in [&mut alice, &mut outsider] {
        keys.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO);
    }
    sealed(&mut alice, now).unwrap();
    alice.add_secret(now, 2, 0, &[2; 64], true, Duration::from_millis(300));
    now += Duration::from_secs(600);
    alice.add_secret(now, 3, 0, &[3; 64], false, Duration::from_millis(300));
    let frame = sealed(&mut alice, now).unwrap();
    assert_sealed_beyond(&mut outsider, &frame, now);
}

#[test]
fn a_member_that_only_listens_keeps_no_secret_past_its_time() {
    let now = Instant::now();
    let mut keys = member(0);
    keys.add_secret(now, 1, 0, &[1; 64], false, Duration::ZERO);
    keys.add_secret(now, 2, 0, &[2; 64], true, Duration::from_millis(300));
    keys.sweep(now + Duration::from_millis(300));
    let kept = keys.current.as_ref().map(Secret::version);
    assert_eq!((kept, keys.pending.len()), (Some((2, 0)), 0));
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
fn a_place_that_was_left_is_never_sealed_from_again_with_what_it_had() {
    let now = Instant::now();
    let mut alice = member(0);
    assert!(alice.add_secret(now, 3, 1, &[7; 64], false, Duration::ZERO));
    assert!(sealed(&mut alice, now).is_some());
    let another = RoomContext {
        instance: [8; 16],
        ..context()
    };
    alice.set_room(another, 0);
    assert!(alice.add_secret(now, 1, 0, &[8; 64], false, Duration::ZERO));
    alice.set_room(context(), 0);
    for version in [(3, 1), (3, 0), (2, 9)] {
        assert!(!alice.add_secret(now, version.0, version.1, &[7; 64], false, Duration::ZERO));
        assert_eq!(sealed(&mut alice, now), None);
    }
    assert!(alice.add_secret(now, 4, 0, &[9; 64], false, Duration::ZERO));
    assert!(sealed(&mut alice, now).is_some());
}

#[test]
fn there_is_no_way_back_to_a_life_of_the_room_that_was_left() {
    let now = Instant::now();
    let mut alice = member(0);
    alice.add_secret(now, 1, 0, &[7; 64], false, Duration::ZERO);
    let first = sealed(&mut alice, now).unwrap();
    let other = RoomContext {
        instance: [8; 16],
        ..context()
    };
    for (next, index) in [(other, 0), (context(), 1)] {
        alice.set_room(next, index);
        assert!(alice.add_secret(now, 1, 0, &[9; 64], false, Duration::ZERO));
        // Somebody on the way shows what was said to us before.
        alice.set_room(context(), 0);
        assert!(!alice.add_secret(now, 1, 0, &[7; 64], false, Duration::ZERO));
        assert_eq!(sealed(&mut alice, now), None, "counter 0 a second time");
        let own = alice.open(now, Track::Audio, Codec::Opus, None, &first);
        assert_eq!(own, Err(Refusal::NoKey));
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

/// What no two bodies may share: key id and counter of a sealed frame.
fn nonce_of(codec: Codec, sealed: &[u8]) -> Vec<u8> {
    let prefix = sframe::clear_prefix(codec, sealed).unwrap();
    let mut head = sealed[prefix..].to_vec();
    // In H.264 a key id of epoch 1 is escaped, as all that a NAL unit carries.
    if let Some(at) = head.windows(3).position(|three| three == [0, 0, 3])
        && codec == Codec::H264
    {
        head.remove(at + 2);
    }
    let of = |nibble: u8| usize::from(if nibble & 8 == 0 { 0 } else { (nibble & 7) + 1 });
    head.truncate(1 + of(head[0] >> 4) + of(head[0] & 15));
    head
}

#[test]
fn all_layers_codecs_and_lives_of_a_track_share_one_counter() {
    let now = Instant::now();
    let mut alice = member(0);
    let layers: [(Codec, &[u8]); 4] = [
        (Codec::Vp8, &[0x10; 40]),
        (Codec::Vp8, &[0x11; 40]),
        (Codec::Vp9, &[0x82; 40]),
        (Codec::H264, &[0, 0, 0, 1, 0x65, 0xb8, 7, 7]),
    ];
    let mut seen = std::collections::HashSet::new();
    let mut frames = 0;
    for version in [(1, 0), (1, 0), (1, 1), (1, 1), (2, 0)] {
        // Each line of the same member says where it is again, then the secret of the version in use.
        alice.set_room(context(), 0);
        if version.1 == 0 {
            let secret = [u8::try_from(version.0).unwrap(); 64];
            assert!(alice.add_secret(now, version.0, 0, &secret, false, Duration::ZERO));
        } else {
            let _ = alice.step(now, version.0, version.1);
        }
        for _ in 0..20 {
            for (codec, frame) in layers {
                let sealed = alice.seal(now, Track::Main, codec, frame).unwrap().unwrap();
                assert!(
                    seen.insert(nonce_of(codec, &sealed)),
                    "two bodies under one counter"
                );
                frames += 1;
            }
        }
    }
    assert_eq!(seen.len(), frames);
}
