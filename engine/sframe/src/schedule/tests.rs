// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_key_id_comes_back_as_it_was_packed(epoch: u64, step in 0u8..16, index: u16, track in 1u8..5) {
        let id = KeyId::new(epoch, step, index, Track::from_number(track).unwrap());
        prop_assert!(id.pack() < 1 << 30);
        prop_assert_eq!(KeyId::unpack(id.pack()), Some(id));
    }

    #[test]
    fn a_number_that_is_no_key_id_of_ours_is_none(kid: u64) {
        let known = kid < 1 << 30 && (1..=4).contains(&(kid & 15));
        prop_assert_eq!(KeyId::unpack(kid).is_some(), known);
    }
}

#[test]
fn steps_end_with_the_epoch_and_secrets_of_a_wrong_length_are_none() {
    let suite = Suite::Aes256GcmSha512;
    let mut secret = Secret::new(suite, 1, 0, &[7; 64]).unwrap();
    for _ in 0..LAST_STEP {
        secret = secret.next().unwrap();
    }
    assert_eq!(secret.version(), (1, LAST_STEP));
    assert!(secret.next().is_none());
    assert!(Secret::new(suite, 1, 0, &[7; 32]).is_none());
    assert!(Secret::new(suite, 1, 16, &[7; 64]).is_none());
}
