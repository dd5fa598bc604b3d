// SPDX-License-Identifier: Apache-2.0

use crate::{LAST_STEP, Suite};

use super::*;

/// Bytes that sealing may add to a frame of sound.
const MOST_OVERHEAD: usize = 24;

/// A sealer whose key id is as long as one may be, at a counter.
fn at(suite: Suite, track: Track, counter: u64) -> Sealer {
    let secret = Secret::new(suite, 63, LAST_STEP, &vec![1; suite.secret_len()]).unwrap();
    let mut sealer = Sealer::new(&secret, u16::MAX, track).unwrap();
    sealer.next = counter;
    sealer
}

#[test]
fn sound_grows_by_no_more_than_24_bytes_up_to_four_days_under_one_key() {
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha512] {
        for counter in [0, 7, 8, 255, 256, 0xffff, 0x1_0000, 0xff_ffff] {
            for codec in [Codec::Opus, Codec::Red] {
                let frame = [0xfc; 90];
                let sealed = at(suite, Track::Audio, counter)
                    .seal(codec, &frame)
                    .unwrap();
                assert!(sealed.len() - frame.len() <= MOST_OVERHEAD, "{counter}");
            }
        }
    }
    // 2^24 frames of 20 ms are 93 hours; a key lives ten minutes.
    let sealed =
        at(Suite::Aes256GcmSha512, Track::Audio, 0x100_0000).seal(Codec::Opus, &[0xfc; 90]);
    assert_eq!(sealed.unwrap().len() - 90, MOST_OVERHEAD + 1);
}

#[test]
fn a_counter_that_is_used_up_seals_nothing_more() {
    let mut sealer = at(Suite::Aes256GcmSha512, Track::Audio, LAST_COUNTER);
    assert!(sealer.seal(Codec::Opus, &[1]).is_ok());
    assert_eq!(sealer.seal(Codec::Opus, &[1]), Err(SealError::Exhausted));
}
