// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::{Sealer, Suite};

const SUITE: Suite = Suite::Aes256GcmSha512;
const DELTA: &[u8] = b"\x11\x22\x33 the rest of an interframe";

fn secret(epoch: u64, step: u8) -> Secret {
    let mut secret = Secret::new(SUITE, epoch, 0, &[u8::try_from(epoch).unwrap(); 64]).unwrap();
    for _ in 0..step {
        secret = secret.next().unwrap();
    }
    secret
}

fn sealer(epoch: u64, step: u8) -> Sealer {
    Sealer::new(&secret(epoch, step), 3, Track::Main).unwrap()
}

struct Rig {
    now: Instant,
    opener: Opener,
}

impl Rig {
    fn new() -> Self {
        let now = Instant::now();
        let mut opener = Opener::new();
        opener.add_secret(now, secret(1, 0), false);
        Self { now, opener }
    }

    fn open(&mut self, frame: &[u8]) -> Result<Opened, Refusal> {
        self.opener
            .open(self.now, Track::Main, Codec::Vp8, Some(3), frame)
    }
}

#[test]
fn what_was_sealed_opens_once() {
    let (mut rig, mut sealer) = (Rig::new(), sealer(1, 0));
    let sealed = sealer.seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(sealed[..3], DELTA[..3]);
    let wanted = Opened {
        index: 3,
        track: Track::Main,
        frame: DELTA.to_vec(),
    };
    assert_eq!(rig.open(&sealed), Ok(wanted));
    assert_eq!(rig.open(&sealed), Err(Refusal::Replay));
    assert_eq!(rig.opener.refusals().of(Refusal::Replay), 1);
}

#[test]
fn a_flipped_bit_anywhere_does_not_open_and_does_not_use_the_counter_up() {
    let (mut rig, mut sealer) = (Rig::new(), sealer(1, 0));
    let sealed = sealer.seal(Codec::Vp8, DELTA).unwrap();
    for place in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[place / 8] ^= 1 << (place % 8);
        assert!(rig.open(&changed).is_err(), "bit {place}");
    }
    assert!(rig.open(&sealed).is_ok());
}

#[test]
fn another_senders_frame_or_another_track_is_refused() {
    let mut rig = Rig::new();
    let mut other = Sealer::new(&secret(1, 0), 4, Track::Main).unwrap();
    let sealed = other.seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(rig.open(&sealed), Err(Refusal::WrongSender));
    let mut screen = Sealer::new(&secret(1, 0), 3, Track::Screen).unwrap();
    let sealed = screen.seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(rig.open(&sealed), Err(Refusal::WrongSender));
    assert!(
        rig.opener
            .open(rig.now, Track::Screen, Codec::Vp8, None, &sealed)
            .is_ok()
    );
}

#[test]
fn a_clear_frame_and_bytes_that_are_no_frame_are_refused() {
    let mut rig = Rig::new();
    for frame in [
        &b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        DELTA,
    ] {
        assert!(matches!(
            rig.open(frame),
            Err(Refusal::Clear | Refusal::WrongSender | Refusal::Malformed)
        ));
    }
    for frame in [&b""[..], b"\x11", b"\x11\x22\x33", b"\x10\x22\x33\x44"] {
        assert_eq!(rig.open(frame), Err(Refusal::Malformed));
    }
}

#[test]
fn steps_ahead_open_on_a_copy_up_to_seven() {
    let mut rig = Rig::new();
    let sealed = sealer(1, 7).seal(Codec::Vp8, DELTA).unwrap();
    assert!(rig.open(&sealed).is_ok());
    let sealed = sealer(1, 8).seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(rig.open(&sealed), Err(Refusal::NoKey));
    rig.opener.add_secret(rig.now, secret(1, 1), false);
    assert!(rig.open(&sealed).is_ok());
}

#[test]
fn the_step_before_is_open_for_five_seconds_and_for_one_after_a_removal() {
    for (after_removal, grace) in [(false, GRACE), (true, GRACE_AFTER_REMOVAL)] {
        let (mut rig, mut before) = (Rig::new(), sealer(1, 0));
        rig.opener.add_secret(rig.now, secret(2, 0), after_removal);
        rig.now += grace - Duration::from_millis(1);
        assert!(rig.open(&before.seal(Codec::Vp8, DELTA).unwrap()).is_ok());
        rig.now += Duration::from_millis(1);
        assert_eq!(
            rig.open(&before.seal(Codec::Vp8, DELTA).unwrap()),
            Err(Refusal::OldEpoch)
        );
        assert!(
            rig.open(&sealer(2, 0).seal(Codec::Vp8, DELTA).unwrap())
                .is_ok()
        );
    }
}

#[test]
fn an_epoch_with_the_key_ids_of_one_that_has_passed_has_its_own_keys() {
    for quiet in [Duration::from_secs(3600), Duration::ZERO] {
        let mut rig = Rig::new();
        let mut before = sealer(1, 0);
        assert!(rig.open(&before.seal(Codec::Vp8, DELTA).unwrap()).is_ok());
        // Nothing comes for 64 epochs: key ids begin anew.
        for epoch in 2..=65 {
            rig.opener.add_secret(rig.now, secret(epoch, 0), false);
        }
        rig.now += quiet;
        let sealed = sealer(65, 0).seal(Codec::Vp8, DELTA).unwrap();
        assert!(rig.open(&sealed).is_ok());
        let late = before.seal(Codec::Vp8, DELTA).unwrap();
        assert_eq!(rig.open(&late), Err(Refusal::BadTag));
    }
}

#[test]
fn what_is_past_its_grace_is_erased_though_no_frame_comes() {
    let mut rig = Rig::new();
    rig.open(&sealer(1, 0).seal(Codec::Vp8, DELTA).unwrap())
        .unwrap();
    rig.opener.add_secret(rig.now, secret(2, 0), true);
    rig.opener.sweep(rig.now + GRACE_AFTER_REMOVAL);
    assert_eq!(rig.opener.secrets.len(), 1);
    assert!(rig.opener.senders.is_empty());
}

#[test]
fn an_epoch_to_come_has_no_key_and_another_secret_opens_nothing() {
    let mut rig = Rig::new();
    let sealed = sealer(2, 0).seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(rig.open(&sealed), Err(Refusal::NoKey));
    let stranger = Secret::new(SUITE, 1, 0, &[99; 64]).unwrap();
    let sealed = Sealer::new(&stranger, 3, Track::Main)
        .unwrap()
        .seal(Codec::Vp8, DELTA)
        .unwrap();
    assert_eq!(rig.open(&sealed), Err(Refusal::BadTag));
}

#[test]
fn a_newcomer_cannot_open_what_was_before() {
    let now = Instant::now();
    let mut opener = Opener::new();
    opener.add_secret(now, secret(1, 2), false);
    let sealed = sealer(1, 1).seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(
        opener.open(now, Track::Main, Codec::Vp8, None, &sealed),
        Err(Refusal::OldEpoch)
    );
}

#[test]
fn a_seeded_storm_of_changed_frames_opens_none() {
    let (mut rig, mut sealer) = (Rig::new(), sealer(1, 0));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    for _ in 0..100_000 {
        let good = sealer.seal(Codec::Vp8, DELTA).unwrap();
        let mut changed = good.clone();
        let at = next() % changed.len();
        match next() % 4 {
            0 => changed[at] ^= 1 << (next() % 8),
            1 => changed.truncate(at),
            2 => changed.insert(at, u8::try_from(next() % 256).unwrap()),
            _ => drop(changed.remove(at)),
        }
        // Adding or removing one of several equal bytes may give the frame itself again.
        assert!(changed == good || rig.open(&changed).is_err());
    }
}

#[test]
fn a_key_id_that_comes_round_after_64_epochs_names_another_key() {
    let mut rig = Rig::new();
    let sealed = sealer(1, 0).seal(Codec::Vp8, DELTA).unwrap();
    assert!(rig.open(&sealed).is_ok());
    // As many removals as it takes, all within the second in which epoch 1 still opens.
    for epoch in 2..=65 {
        rig.opener.add_secret(rig.now, secret(epoch, 0), true);
    }
    let again = sealer(65, 0).seal(Codec::Vp8, DELTA).unwrap();
    assert_eq!(sealed[3..7], again[3..7], "one header for both");
    assert!(rig.open(&again).is_ok());
    assert_eq!(rig.open(&again), Err(Refusal::Replay));
    rig.now += GRACE_AFTER_REMOVAL;
    assert!(rig.open(&sealed).is_err());
}
