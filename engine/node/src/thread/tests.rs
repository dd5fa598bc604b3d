// SPDX-License-Identifier: Apache-2.0

use ice::Path;

use super::*;

#[test]
fn the_memory_of_a_batch_is_used_again() {
    let mut bytes = [[0_u8; 4]; 8];
    let path = Path::new(
        "127.0.0.1:1".parse().unwrap(),
        "127.0.0.1:2".parse().unwrap(),
    );
    let mut datagrams: Vec<Datagram<'_>> = Vec::with_capacity(8);
    let place = datagrams.as_ptr() as usize;
    datagrams.extend(bytes.iter_mut().map(|buf| Datagram { path, buf }));
    let emptied: Vec<Datagram<'static>> = recycle(datagrams);
    assert_eq!(
        (emptied.as_ptr() as usize, emptied.capacity(), emptied.len()),
        (place, 8, 0)
    );
}
