// SPDX-License-Identifier: Apache-2.0
use std::net::SocketAddr;

use ice::Path;
use proptest::prelude::*;

use super::{Egress, MAX_DATAGRAM, MAX_RUN, MAX_SEGMENTS, Slab, Transmit};

#[derive(Default)]
struct Runs(Vec<(Path, usize, Vec<u8>)>);

impl Transmit for Runs {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        self.0.push((path, segment_size, contents.to_vec()));
    }
}

fn path(port: u16) -> Path {
    let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
    Path::new(address(1), address(port))
}

fn put(tx: &mut Egress<'_>, path: Path, datagram: &[u8]) {
    tx.reserve(path, datagram.len())
        .unwrap()
        .copy_from_slice(datagram);
    tx.commit(datagram.len());
}

#[test]
fn equal_datagrams_of_one_path_become_one_run_and_a_shorter_one_ends_it() {
    let (mut slab, mut runs) = (Slab::new(), Runs::default());
    let mut tx = Egress::new(&mut slab, &mut runs);
    for len in [100, 100, 60, 100, 120] {
        put(&mut tx, path(2), &vec![1; len]);
    }
    put(&mut tx, path(3), &[1; 120]);
    drop(tx);
    let seen: Vec<_> = runs
        .0
        .iter()
        .map(|(path, segment, all)| (path.remote.port(), *segment, all.len()))
        .collect();
    assert_eq!(
        seen,
        [(2, 100, 260), (2, 100, 100), (2, 120, 120), (3, 120, 120)]
    );
}

#[test]
fn a_reservation_that_is_not_committed_sends_nothing() {
    let (mut slab, mut runs) = (Slab::new(), Runs::default());
    let mut tx = Egress::new(&mut slab, &mut runs);
    assert!(tx.reserve(path(2), 100).is_some());
    assert!(tx.reserve(path(2), MAX_DATAGRAM + 1).is_none());
    drop(tx);
    assert!(runs.0.is_empty());
}

proptest! {
    /// Cut at the segment size, the runs are what was written, in order per path.
    #[test]
    fn every_datagram_arrives_whole_and_in_order(sizes in prop::collection::vec((1_usize..MAX_DATAGRAM, 2_u16..4), 1..400)) {
        let (mut slab, mut runs) = (Slab::new(), Runs::default());
        let mut written = Vec::new();
        for part in sizes.chunks(90) {
            let mut tx = Egress::new(&mut slab, &mut runs);
            for (len, port) in part {
                // Few distinct sizes, so that runs form.
                let len = len.div_ceil(700) * 700;
                let len = len.min(MAX_DATAGRAM);
                let datagram: Vec<u8> = (0..len).map(|i| u8::try_from((i + written.len()) % 251).unwrap()).collect();
                put(&mut tx, path(*port), &datagram);
                written.push((path(*port), datagram));
            }
        }
        let mut read = Vec::new();
        for (path, segment, contents) in &runs.0 {
            prop_assert!(contents.len() <= MAX_RUN && contents.len().div_ceil(*segment) <= MAX_SEGMENTS);
            read.extend(contents.chunks(*segment).map(|datagram| (*path, datagram.to_vec())));
        }
        prop_assert_eq!(read, written);
    }
}
