// SPDX-License-Identifier: Apache-2.0
//! A room of ten on a network that loses and reorders, in virtual time: what is lost is repaired, and a seed says all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod network;
mod town;

use std::time::Duration;

use netsim::{Link, Passage};
use network::{TICKS, World};
use shard::Command;

/// 5 % loss each way, and datagrams that overtake each other.
fn lossy() -> Link {
    Link {
        loss: 50,
        jitter: Duration::from_millis(15),
        ..Link::default()
    }
}

fn run(seed: u64, link: Link) -> World {
    let mut world = World::new(seed, link);
    (0..TICKS).for_each(|number| world.tick(number));
    // What is still on its way or asked for.
    (TICKS..TICKS + 20).for_each(|number| world.tick(number));
    world
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, again, other) = (run(5, lossy()), run(5, lossy()), run(6, lossy()));
    let differs = one.trace.iter().zip(&again.trace).position(|(a, b)| a != b);
    let place = differs.map(|at| (&one.trace[at], &again.trace[at]));
    assert_eq!((place, one.trace.len()), (None, again.trace.len()));
    assert_ne!(one.trace, other.trace, "the seed decides");
    let Passage { passed, lost, .. } = one.network.passage();
    assert!(lost * 25 > passed + lost, "{lost} of {passed} were lost");
}

#[test]
fn what_a_lossy_network_takes_is_repaired() {
    let world = run(5, lossy());
    for (peer, member) in &world.members {
        assert!(member.caller.is_keyed(), "{peer}");
        let numbers: Vec<u16> = member.shown.keys().copied().collect();
        let span = usize::from(numbers[numbers.len() - 1] - numbers[0]) + 1;
        // Without repair two lossy hops leave 90 %.
        assert!(
            numbers.len() * 1_000 >= span * 995,
            "{peer} was shown {} of {span}",
            numbers.len()
        );
        assert!(span as u64 > TICKS * 2 * 8 / 10, "{peer}: {span}");
        assert!(
            member.voices as u64 > TICKS * 8 / 10,
            "{peer}: {}",
            member.voices
        );
        // In the slot's order stand the pictures in the publisher's order, none twice.
        let pictures: Vec<_> = member
            .shown
            .values()
            .map(|payload| &payload[2..11])
            .collect();
        assert!(pictures.windows(2).all(|pair| pair[0] < pair[1]), "{peer}");
    }
}

#[test]
fn without_loss_nothing_is_asked_for_twice() {
    let mut world = run(5, Link::default());
    assert!(
        world
            .members
            .values()
            .all(|member| member.missing.is_empty())
    );
    world.command(Command::Stats { token: 1 });
    let (_, stats) = world.trace.last().unwrap();
    assert!(stats.contains("retransmitted: 0,"), "{stats}");
}
