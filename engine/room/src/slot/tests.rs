// SPDX-License-Identifier: Apache-2.0
use super::Layers;

#[test]
fn the_layer_asked_for_else_the_nearest_below_else_the_nearest_above() {
    let set = |layers: &[u8]| {
        layers
            .iter()
            .fold(Layers::NONE, |set, layer| set.with(*layer))
    };
    let table: [(&[u8], u8, Option<u8>); 9] = [
        (&[0, 1, 2], 1, Some(1)),
        (&[0, 2], 1, Some(0)),
        (&[0, 1], 2, Some(1)),
        (&[0], 2, Some(0)),
        (&[2], 0, Some(2)),
        (&[1, 2], 0, Some(1)),
        (&[], 1, None),
        (&[0, 1, 2], 255, Some(2)),
        (&[2], 2, Some(2)),
    ];
    for (flowing, wanted, expected) in table {
        assert_eq!(
            set(flowing).nearest(wanted),
            expected,
            "{flowing:?} {wanted}"
        );
    }
}
