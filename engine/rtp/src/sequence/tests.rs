// SPDX-License-Identifier: Apache-2.0

use super::*;

#[test]
fn numbers_go_on_over_the_roll_over_and_back() {
    let mut unwrapper = Unwrapper::default();
    assert_eq!(unwrapper.unwrap(65_534), Some(65_534));
    assert_eq!(unwrapper.unwrap(1), Some(65_537));
    assert_eq!(unwrapper.unwrap(65_535), Some(65_535));
    assert_eq!(unwrapper.highest(), Some(65_537));
    assert_eq!(unwrapper.unwrap(2), Some(65_538));
}

#[test]
fn a_number_before_the_beginning_is_none() {
    let mut unwrapper = Unwrapper::default();
    assert_eq!(unwrapper.unwrap(3), Some(3));
    assert_eq!(unwrapper.unwrap(65_535), None);
    assert_eq!(unwrapper.unwrap(0), Some(0));
    assert_eq!(unwrapper.highest(), Some(3));
}

#[test]
fn newer_is_the_shorter_way_round() {
    assert!(is_newer(0, 65_535));
    assert!(!is_newer(65_535, 0));
    assert!(!is_newer(5, 5));
    assert!(!is_newer(0x8000, 0));
}
