// SPDX-License-Identifier: Apache-2.0
//! The whole path of a packet, ciphers included, allocates nothing once a call is warm.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod memory;
mod town;

use std::time::Duration;

use ice::Path;
use memory::Counting;
use shard::Datagram;
use town::Town;
use transport::Transmit;

const PEERS: u64 = 6;

/// Counts and forgets.
struct Count(u64);

impl Transmit for Count {
    fn transmit(&mut self, _: Path, segment_size: usize, contents: &[u8]) {
        self.0 += contents.len().div_ceil(segment_size) as u64;
    }
}

/// What everybody sends in one 20 ms tick.
fn tick(town: &mut Town, number: u64) -> Vec<(Path, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for peer in 1..=PEERS {
        let path = town.callers[&peer].path;
        datagrams.push((path, town.voice(peer, &[1; 90])));
        for layer in 0..3 {
            datagrams.push((
                path,
                town.frame(peer, layer, number.is_multiple_of(50), &[2; 900]),
            ));
        }
    }
    datagrams
}

fn run(town: &mut Town, ticks: &mut [Vec<(Path, Vec<u8>)>]) -> (u64, u64) {
    let mut sent = Count(0);
    let mut allocations = 0;
    for datagrams in ticks {
        // The list of a batch is the caller's; only what the shard does is counted.
        let mut batch: Vec<_> = datagrams
            .iter_mut()
            .map(|(path, buf)| Datagram { path: *path, buf })
            .collect();
        let before = Counting::allocations();
        town.shard.handle_batch(town.now, &mut batch, &mut sent);
        town.now += Duration::from_millis(20);
        if town.shard.deadline().is_some_and(|at| at <= town.now) {
            town.shard.handle_timeout(town.now, &mut sent);
        }
        allocations += Counting::allocations() - before;
    }
    (allocations, sent.0)
}

#[test]
fn a_warm_call_forwards_without_allocating() {
    let mut town = Town::new();
    (1..=PEERS).for_each(|peer| town.join(peer));
    (1..=PEERS).for_each(|peer| town.bind(peer, 1, peer % PEERS + 1, (peer % 3) as u8));
    let mut ticks: Vec<_> = (0..300).map(|number| tick(&mut town, number)).collect();
    let (warm, measured) = ticks.split_at_mut(200);
    run(&mut town, warm);
    let (allocations, sent) = run(&mut town, measured);
    assert!(sent > 1_100, "{sent}");
    assert_eq!(allocations, 0, "over {sent} datagrams");
}
