// SPDX-License-Identifier: Apache-2.0
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use super::KeyedHash;

#[test]
fn with_a_zero_key_it_is_the_standard_librarys_siphash() {
    for count in 0..20_u64 {
        let mut ours = KeyedHash::new(0, 0).build_hasher();
        let mut theirs = DefaultHasher::new();
        for word in 0..count {
            ours.write_u64(word.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            theirs.write_u64(word.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        assert_eq!(ours.finish(), theirs.finish());
    }
}

#[test]
fn another_key_gives_another_hash() {
    let hash = |key: KeyedHash| {
        let mut hasher = key.build_hasher();
        hasher.write_u64(7);
        hasher.finish()
    };
    assert_ne!(hash(KeyedHash::new(1, 2)), hash(KeyedHash::new(1, 3)));
    assert_ne!(hash(KeyedHash::new(1, 2)), hash(KeyedHash::new(0, 2)));
}
