// SPDX-License-Identifier: Apache-2.0
//! What no engine of this shape can beat here: the same datagrams from a loop that does nothing but send them.

use std::net::UdpSocket;

use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use serde_json::{Value, json};

const DATAGRAM: usize = 1_200;
const ROUNDS: usize = 2_000;

/// Microseconds of CPU per datagram to `receivers` sockets that nobody reads: one by one, and 8 in one send.
pub fn measure(receivers: usize) -> Vec<Value> {
    let sinks: Vec<UdpSocket> = (0..receivers)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let to: Vec<_> = sinks
        .iter()
        .map(|sink| sink.local_addr().unwrap())
        .collect();
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new(UdpSockRef::from(&from)).unwrap();
    let run = [0xA5; 8 * DATAGRAM];
    let mut rows = Vec::new();
    for burst in [1, 8] {
        let contents = &run[..burst * DATAGRAM];
        let begin = node::os::thread_cpu_time();
        for destination in std::iter::repeat_n(&to, ROUNDS / burst).flatten().copied() {
            if burst == 1 {
                from.send_to(contents, destination).unwrap();
            } else {
                let transmit = Transmit {
                    destination,
                    ecn: None,
                    contents,
                    segment_size: Some(DATAGRAM),
                    src_ip: None,
                };
                state.try_send(UdpSockRef::from(&from), &transmit).unwrap();
            }
        }
        let micros = (node::os::thread_cpu_time() - begin).as_secs_f64() * 1e6;
        rows.push(json!({ "burst": burst, "us_per_send": micros / (ROUNDS / burst * burst * receivers) as f64 }));
    }
    rows
}
