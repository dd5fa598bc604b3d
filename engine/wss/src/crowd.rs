// SPDX-License-Identifier: Apache-2.0
//! How many are on their way in: each of them takes a descriptor, and a handshake costs before anybody is known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections that are not settled.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_one: Option<usize>,
    there: Mutex<There>,
}

#[derive(Debug, Default)]
struct There {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// The place of one; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    who: IpAddr,
}

impl Crowd {
    pub(crate) fn new(most: usize, most_of_one: Option<usize>) -> Self {
        Self {
            most,
            most_of_one,
            there: Mutex::default(),
        }
    }

    /// A place for one more, or `None` where there is none.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let who = neighbourhood(address);
        let mut there = self.lock();
        let one = there.of.get(&who).copied().unwrap_or(0);
        if there.all >= self.most || self.most_of_one.is_some_and(|most| one >= most) {
            return None;
        }
        there.all += 1;
        there.of.insert(who, one + 1);
        Some(Place {
            crowd: Arc::clone(self),
            who,
        })
    }

    fn lock(&self) -> MutexGuard<'_, There> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut there = self.crowd.lock();
        there.all -= 1;
        if let Some(one) = there.of.get_mut(&self.who) {
            *one -= 1;
            if *one == 0 {
                there.of.remove(&self.who);
            }
        }
    }
}

/// Whom an address stands for: an IPv6 address its /64, which is one customer's line; an IPv4 one itself, however it is written.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_address_fills_its_own_places_only_and_gets_them_back() {
        let crowd = Arc::new(Crowd::new(3, Some(2)));
        let (one, mapped) = (
            "192.0.2.1".parse().unwrap(),
            "::ffff:192.0.2.1".parse().unwrap(),
        );
        let other = "2001:db8::1".parse().unwrap();
        let first = crowd.admit(one).unwrap();
        let _second = crowd.admit(mapped).unwrap();
        assert!(
            crowd.admit(one).is_none(),
            "two of one address are all it may have"
        );
        let third = crowd.admit(other).unwrap();
        assert!(
            crowd.admit("2001:db8::2".parse().unwrap()).is_none(),
            "three in all"
        );
        drop(third);
        drop(first);
        assert!(crowd.admit(one).is_some());
        assert_eq!(crowd.lock().of.len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn whom_an_address_stands_for_is_what_the_other_side_says_too() {
        let known = include_str!("../neighbourhoods.txt");
        let lines = known.lines().filter(|line| !line.starts_with('#'));
        let mut seen = 0;
        for (address, stands_for) in lines.filter_map(|line| line.split_once(' ')) {
            let found = neighbourhood(address.parse().unwrap());
            assert_eq!(found, stands_for.parse::<IpAddr>().unwrap(), "{address}");
            seen += 1;
        }
        assert!(seen > 10);
    }
}
