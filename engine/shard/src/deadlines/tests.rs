// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::Deadlines;

proptest! {
    /// Against a plain list: whatever is set, moved, cleared and popped, the earliest comes first.
    #[test]
    fn behaves_like_a_list_that_is_searched(steps in vec((0_u32..12, proptest::option::of(0_u64..50)), 0..200)) {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::default();
        let mut list: Vec<Option<Instant>> = vec![None; 12];
        for (number, (member, when)) in steps.into_iter().enumerate() {
            if number % 5 == 4 {
                let now = at(when.unwrap_or(0));
                let expected = list.iter().enumerate().filter_map(|(m, d)| d.map(|d| (d, m))).min();
                let popped = deadlines.pop_due(now);
                match expected.filter(|(due, _)| *due <= now) {
                    Some((_, m)) => {
                        prop_assert_eq!(popped, Some(m as u32));
                        list[m] = None;
                    }
                    None => prop_assert_eq!(popped, None),
                }
            } else {
                deadlines.set(member, when.map(at));
                list[member as usize] = when.map(at);
            }
            prop_assert_eq!(deadlines.first(), list.iter().flatten().min().copied());
        }
    }
}
