// SPDX-License-Identifier: Apache-2.0

use std::net::UdpSocket as Plain;
use std::time::Duration;

use super::*;

fn ports(addresses: &[&str], portable: bool) -> Ports {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    Ports::bind(&addresses, 1 << 20, portable).unwrap()
}

fn receive_all(ports: &Ports, index: usize, wanted: usize) -> Vec<(Path, Vec<u8>)> {
    let mut buffers = Buffers::new();
    let mut all = Vec::new();
    for _ in 0..1_000_000 {
        if ports.receive(index, &mut buffers) {
            all.extend(
                buffers
                    .datagrams()
                    .map(|(path, bytes)| (path, bytes.to_vec())),
            );
        }
        if all.len() >= wanted {
            break;
        }
    }
    all
}

#[test]
fn all_addresses_share_one_free_port() {
    let ports = ports(&["127.0.0.1:0", "127.0.0.2:0"], false);
    let addresses = ports.addresses();
    assert_eq!(addresses[0].port(), addresses[1].port());
    assert_ne!(addresses[0].port(), 0);
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked_and_a_run_arrives_as_its_datagrams() {
    for portable in [false, true] {
        let mut ports = ports(&["127.0.0.1:0", "127.0.0.2:0"], portable);
        let peer = Plain::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let asked = ports.addresses()[1];
        let run: Vec<u8> = (0..10u8)
            .flat_map(|number| vec![number; if number == 9 { 7 } else { 100 }])
            .collect();
        ports.transmit(Path::new(asked, peer.local_addr().unwrap()), 100, &run);
        for number in 0..10u8 {
            let mut datagram = [0; 2000];
            let (len, from) = peer.recv_from(&mut datagram).unwrap();
            assert_eq!(from, asked);
            assert_eq!(
                datagram[..len],
                vec![number; if number == 9 { 7 } else { 100 }],
                "portable: {portable}"
            );
            if portable {
                // Without segmentation the run is sent in pieces of one datagram each; nothing else differs.
                assert!(len <= 100);
            }
        }
    }
}

#[test]
fn a_batch_gives_every_datagram_with_its_sender() {
    for portable in [false, true] {
        let ports = ports(&["127.0.0.1:0"], portable);
        let to = ports.addresses()[0];
        let peers = [
            Plain::bind("127.0.0.1:0").unwrap(),
            Plain::bind("127.0.0.1:0").unwrap(),
        ];
        for number in 0..40u8 {
            peers[usize::from(number % 2)]
                .send_to(&[number; 20], to)
                .unwrap();
        }
        let all = receive_all(&ports, 0, 40);
        assert_eq!(all.len(), 40);
        for (path, bytes) in all {
            assert_eq!(path.local, to);
            assert_eq!(
                path.remote,
                peers[usize::from(bytes[0] % 2)].local_addr().unwrap()
            );
            assert_eq!(bytes, vec![bytes[0]; 20]);
        }
    }
}

#[test]
fn what_goes_to_no_socket_of_ours_is_counted() {
    let mut ports = ports(&["127.0.0.1:0"], false);
    let stranger = "127.0.0.9:9".parse().unwrap();
    ports.transmit(Path::new(stranger, stranger), 10, &[0; 10]);
    assert_eq!(ports.counters.send_failed, 1);
}

#[test]
fn ipv6_is_served_beside_ipv4() {
    let Ok(peer) = Plain::bind("[::1]:0") else {
        return;
    };
    let mut ports = ports(&["127.0.0.1:0", "[::1]:0"], false);
    let addresses = ports.addresses();
    peer.send_to(b"hello", addresses[1]).unwrap();
    let (path, bytes) = receive_all(&ports, 1, 1).remove(0);
    assert_eq!(bytes, b"hello");
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    ports.transmit(path, 5, b"world");
    let mut answer = [0; 10];
    assert_eq!(peer.recv_from(&mut answer).unwrap(), (5, addresses[1]));
}

fn run_of(count: usize, len: usize) -> Vec<u8> {
    (0..count * len)
        .map(|byte| (byte / len + byte) as u8)
        .collect()
}

#[test]
fn a_run_arrives_as_the_same_datagrams_whatever_branch_sends_and_receives() {
    let run = run_of(15, 1_200);
    let run = &run[..run.len() - 7];
    let wanted: Vec<&[u8]> = run.chunks(1_200).collect();
    for (sends_portably, receives_portably) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let (mut from, to) = (
            ports(&["127.0.0.1:0"], sends_portably),
            ports(&["127.0.0.1:0"], receives_portably),
        );
        let path = Path::new(from.addresses()[0], to.addresses()[0]);
        from.transmit(path, 1_200, run);
        let came = receive_all(&to, 0, wanted.len());
        assert!(
            came.iter()
                .all(|(back, _)| (back.local, back.remote) == (path.remote, path.local))
        );
        assert_eq!(
            came.iter()
                .map(|(_, bytes)| bytes.as_slice())
                .collect::<Vec<_>>(),
            wanted
        );
        assert_eq!(from.counters, PortCounters::default());
    }
}

#[test]
fn a_batch_ends_at_its_bound_and_the_rest_waits() {
    for portable in [false, true] {
        let (to, from) = (
            ports(&["127.0.0.1:0"], portable),
            Plain::bind("127.0.0.1:0").unwrap(),
        );
        for number in 0..=BATCH_SIZE {
            from.send_to(&[number as u8], to.addresses()[0]).unwrap();
        }
        let mut buffers = Buffers::new();
        assert!(to.receive(0, &mut buffers));
        assert_eq!(buffers.datagrams().count(), BATCH_SIZE);
        assert!(to.receive(0, &mut buffers));
        assert_eq!(buffers.datagrams().count(), 1);
        assert!(!to.receive(0, &mut buffers));
        assert_eq!(buffers.datagrams().count(), 0);
    }
}

#[test]
fn empty_datagrams_are_left_out_and_end_nothing() {
    for portable in [false, true] {
        let (to, from) = (
            ports(&["127.0.0.1:0"], portable),
            Plain::bind("127.0.0.1:0").unwrap(),
        );
        for bytes in [&b""[..], b"a", b"", b"bc"] {
            from.send_to(bytes, to.addresses()[0]).unwrap();
        }
        let came: Vec<Vec<u8>> = receive_all(&to, 0, 2)
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        assert_eq!(came, [b"a".to_vec(), b"bc".to_vec()]);
    }
}

#[test]
fn datagrams_from_port_0_are_left_out_and_flow_labels_forgotten() {
    let mut buffers = Buffers::new();
    let senders = ["192.0.2.1:0", "[2001:db8::1]:7"].map(|one| one.parse::<SocketAddr>().unwrap());
    for (meta, sender) in buffers.meta.iter_mut().zip(senders) {
        *meta = RecvMeta {
            addr: sender,
            len: 5,
            stride: 5,
            ecn: None,
            dst_ip: None,
        };
    }
    if let SocketAddr::V6(v6) = &mut buffers.meta[1].addr {
        v6.set_flowinfo(9);
    }
    buffers.count = 2;
    let from: Vec<SocketAddr> = buffers.datagrams().map(|(path, _)| path.remote).collect();
    assert_eq!(from, senders[1..]);
}

#[test]
fn what_one_peer_cannot_take_is_counted_and_leaves_offload_to_the_others() {
    for portable in [false, true] {
        let (mut from, to) = (
            ports(&["127.0.0.1:0"], portable),
            ports(&["127.0.0.1:0"], false),
        );
        let (local, peer) = (from.addresses()[0], to.addresses()[0]);
        let offered = from.ports[0]
            .offload
            .as_ref()
            .map(|offload| offload.most.get());
        // Port 0 is refused with the same error as segmentation where the interface has none; another family with another.
        for nobody in ["127.0.0.1:0", "[::1]:9"] {
            from.transmit(Path::new(local, nobody.parse().unwrap()), 2, &[0; 6]);
        }
        // No datagram has more than 65,507 bytes.
        from.transmit(Path::new(local, peer), 65_530, &[0; 65_530]);
        assert_eq!(
            from.counters,
            PortCounters {
                send_full: 0,
                send_failed: 7
            }
        );
        assert_eq!(
            from.ports[0]
                .offload
                .as_ref()
                .map(|offload| offload.most.get()),
            offered
        );
        from.transmit(Path::new(local, peer), 2, &[0; 6]);
        assert_eq!(receive_all(&to, 0, 3).len(), 3);
    }
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let holder = Plain::bind("127.0.0.1:0").unwrap();
    let addresses = ["127.0.0.1:0".parse().unwrap(), holder.local_addr().unwrap()];
    let refused = Ports::bind(&addresses, 1 << 20, false).unwrap_err();
    assert_eq!(
        (refused.address, refused.source.kind()),
        (addresses[1], ErrorKind::AddrInUse)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn what_comes_faster_than_it_is_read_is_counted() {
    let ports = Ports::bind(&["127.0.0.1:0".parse().unwrap()], 4_096, false).unwrap();
    let from = Plain::bind("127.0.0.1:0").unwrap();
    assert_eq!(ports.unread(), 0);
    for _ in 0..100 {
        from.send_to(&[0; 1_000], ports.addresses()[0]).unwrap();
    }
    assert!(ports.unread() > 0);
}
