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
