// SPDX-License-Identifier: Apache-2.0

use super::*;

#[test]
fn a_descriptor_of_three_bytes_has_no_structure() {
    let found = DependencyDescriptor::parse(&[0x85, 0x12, 0x34]);
    let wanted = DependencyDescriptor {
        first_in_frame: true,
        last_in_frame: false,
        template: 5,
        frame_number: 0x1234,
        structure_present: false,
    };
    assert_eq!(found, Ok(wanted));
}

#[test]
fn a_key_frame_carries_the_structure() {
    let found = DependencyDescriptor::parse(&[0xc0, 0, 1, 0x80, 0, 0]);
    assert!(found.is_ok_and(|found| found.structure_present && found.last_in_frame));
    assert_eq!(
        DependencyDescriptor::parse(&[0xc0, 0]),
        Err(Error::Truncated)
    );
}
