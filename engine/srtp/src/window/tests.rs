// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Window;

#[test]
fn an_index_is_free_once() {
    let mut window = Window::<2>::new();
    assert!(window.is_free(7));
    window.mark(7);
    assert!(!window.is_free(7));
    assert!(window.is_free(6));
    assert_eq!(window.highest(), Some(7));
}

#[test]
fn an_index_older_than_the_window_is_never_free() {
    let mut window = Window::<2>::new();
    window.mark(1_000);
    assert!(window.is_free(1_000 - 127));
    assert!(!window.is_free(1_000 - 128));
    assert!(!window.is_free(0));
}

proptest! {
    /// The ring behaves like a set of everything ever marked, cut off at the window's size.
    #[test]
    fn it_is_a_set_with_a_horizon(steps in prop::collection::vec((0_i64..400, any::<bool>()), 1..200)) {
        let (mut window, mut seen, mut at) = (Window::<2>::new(), BTreeSet::new(), 500_i64);
        for (step, back) in steps {
            at = if back { (at - step % 140).max(0) } else { at + step };
            let index = u64::try_from(at).unwrap();
            let highest: Option<u64> = seen.last().copied();
            let old = highest.is_some_and(|h| index + 128 <= h);
            prop_assert_eq!(window.is_free(index), !old && !seen.contains(&index));
            window.mark(index);
            seen.insert(index);
        }
    }
}
