// SPDX-License-Identifier: Apache-2.0

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn the_window_has_its_edges_where_they_should_be() {
    let mut window = ReplayWindow::default();
    window.commit(5_000);
    assert!(!window.allows(5_000));
    assert!(window.allows(5_000 - WINDOW + 1));
    assert!(!window.allows(5_000 - WINDOW));
    window.commit(u64::MAX);
    assert!(!window.allows(5_001));
    assert!(window.allows(u64::MAX - 1));
}

proptest! {
    #[test]
    fn no_counter_is_accepted_twice(start in 0u64..1 << 40, steps in prop::collection::vec(-1500i64..1500, 1..400)) {
        let (mut window, mut accepted, mut counter) = (ReplayWindow::default(), HashSet::new(), start);
        let mut highest = 0;
        for step in steps {
            counter = counter.saturating_add_signed(step);
            let fresh = !accepted.contains(&counter) && (accepted.is_empty() || counter + WINDOW > highest);
            prop_assert_eq!(window.allows(counter), fresh);
            if fresh {
                window.commit(counter);
                accepted.insert(counter);
                highest = highest.max(counter);
            }
        }
    }
}
