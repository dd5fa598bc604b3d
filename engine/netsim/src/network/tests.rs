// SPDX-License-Identifier: Apache-2.0

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Arrival, Fate, Link, Network, Passage};

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5_000))
}

const MS: Duration = Duration::from_millis(1);

/// 1,000 datagrams, one each millisecond, and what arrived.
fn thousand(seed: u64, link: Link) -> (Passage, Vec<(Duration, Vec<u8>)>) {
    let start = Instant::now();
    let mut network = Network::new(seed, link);
    for number in 0..1_000_u32 {
        network.send(
            start + number * MS,
            address(1),
            address(2),
            &number.to_be_bytes(),
        );
    }
    let mut arrived = Vec::new();
    while let Some(Arrival { at, bytes, .. }) = network.arrival(start + Duration::from_secs(60)) {
        arrived.push((at - start, bytes));
    }
    (network.passage(), arrived)
}

#[test]
fn without_loss_and_jitter_everything_arrives_in_order_after_the_delay() {
    let (passage, arrived) = thousand(1, Link::default());
    let all = Passage {
        passed: 1_000,
        ..Passage::default()
    };
    assert_eq!(passage, all);
    let expected: Vec<_> = (0..1_000_u32)
        .map(|n| (n * MS + 2 * MS, n.to_be_bytes().to_vec()))
        .collect();
    assert_eq!(arrived, expected);
}

#[test]
fn the_seed_decides_what_is_lost_and_overtaken() {
    let link = Link {
        loss: 50,
        jitter: 15 * MS,
        ..Link::default()
    };
    let (passage, arrived) = thousand(7, link);
    assert!((25..=80).contains(&passage.lost), "{passage:?}");
    let overtaken = arrived
        .windows(2)
        .filter(|pair| pair[0].1 > pair[1].1)
        .count();
    assert!(overtaken > 100, "{overtaken}");
    assert_eq!(thousand(7, link), (passage, arrived.clone()));
    assert_ne!(thousand(8, link).1, arrived);
}

#[test]
fn a_bounded_route_delays_and_then_drops() {
    let start = Instant::now();
    // 100 bytes take 100 ms; after 200 ms of waiting nothing more is taken.
    let link = Link {
        rate: Some(1_000),
        delay: Duration::ZERO,
        ..Link::default()
    };
    let mut network = Network::new(1, link);
    let fates: Vec<_> = (0..4)
        .map(|_| network.send(start, address(1), address(2), &[0; 100]))
        .collect();
    assert_eq!(
        fates,
        [
            Fate::Arrives(100 * MS),
            Fate::Arrives(200 * MS),
            Fate::Arrives(300 * MS),
            Fate::Dropped
        ]
    );
    // The other direction is another route, and time empties the queue.
    assert_eq!(
        network.send(start, address(2), address(1), &[0; 100]),
        Fate::Arrives(100 * MS)
    );
    let later = start + Duration::from_secs(1);
    assert_eq!(
        network.send(later, address(1), address(2), &[0; 100]),
        Fate::Arrives(100 * MS)
    );
}

#[test]
fn one_direction_can_be_cut() {
    let now = Instant::now();
    let mut network = Network::new(3, Link::default());
    network.set_link(
        address(1),
        address(2),
        Link {
            loss: 1_000,
            ..Link::default()
        },
    );
    assert_eq!(
        network.send(now, address(1), address(2), b"there"),
        Fate::Lost
    );
    assert_eq!(
        network.send(now, address(2), address(1), b"back"),
        Fate::Arrives(2 * MS)
    );
    assert_eq!(
        network.arrival(now),
        None,
        "nothing arrives before its time"
    );
    assert_eq!(network.arrival(now + 2 * MS).unwrap().bytes, b"back");
}

proptest! {
    /// Nothing is made up, doubled or kept: what was sent is lost, dropped or arrives once, and time never runs back.
    #[test]
    fn what_is_sent_is_accounted_for(
        seed: u64,
        loss in 0_u16..=1_000,
        jitter in 0_u64..50,
        rate in proptest::option::of(100_u64..100_000),
        sizes in proptest::collection::vec(0_usize..1_500, 1..60),
    ) {
        let start = Instant::now();
        let link = Link { loss, jitter: Duration::from_millis(jitter), rate, ..Link::default() };
        let mut network = Network::new(seed, link);
        for size in &sizes {
            network.send(start, address(1), address(2), &vec![0; *size]);
        }
        let mut arrived = 0;
        let mut last = start;
        while let Some(at) = network.next_arrival() {
            prop_assert!(at >= last);
            last = at;
            prop_assert_eq!(network.arrival(at).unwrap().at, at);
            arrived += 1;
        }
        let passage = network.passage();
        prop_assert_eq!(passage.passed, arrived);
        prop_assert_eq!(passage.passed + passage.lost + passage.dropped, sizes.len() as u64);
    }
}
