// SPDX-License-Identifier: Apache-2.0
//! The UDP sockets of one shard: batches in, runs out.
//!
//! One socket for each address. One wildcard socket would need the source address in a control message of every send:
//! macOS has none for IPv4, the portable branch none at all, and such a socket listens on addresses nobody named. The
//! price is that an address which the host gets later is not served.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use ice::Path;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use thiserror::Error;
use transport::Transmit;

use crate::os;

/// Bytes of one receive buffer: the longest datagram, and the longest run of them that the kernel joins (`UDP_GRO`).
/// Pages that nothing was written to cost nothing.
const BUFFER: usize = 65_536;
/// How often a port that is free on all addresses is drawn before starting fails.
const SHARED_PORT_TRIES: usize = 64;

/// One socket, bound to one address: what it sends comes from the address that was asked.
#[derive(Debug)]
struct Port {
    socket: UdpSocket,
    local: SocketAddr,
    /// `None` uses nothing but `send_to` and `recv_from`.
    offload: Option<Offload>,
}

/// What the system can do beyond one datagram per call.
#[derive(Debug)]
struct Offload {
    state: UdpSocketState,
    /// Datagrams in one send: as the library probed it, and 1 once the interface has shown that it cannot.
    most: Cell<usize>,
}

/// Counters of what the kernel did not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortCounters {
    /// Datagrams that were not sent because the socket's buffer was full.
    pub(crate) send_full: u64,
    /// Datagrams that were not sent for another reason: too long for the path, no route.
    pub(crate) send_failed: u64,
}

/// All sockets of a shard.
#[derive(Debug)]
pub(crate) struct Ports {
    ports: Vec<Port>,
    /// The port that sent last: the next datagram mostly goes the same way.
    last: usize,
    pub(crate) counters: PortCounters,
}

/// A socket that could not be had.
#[derive(Debug, Error)]
#[error("{address}: {source}")]
pub struct BindError {
    /// The host's own address, as it was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Receive buffers of a shard, shared by its sockets.
pub(crate) struct Buffers {
    bytes: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
    /// How many of them the last batch filled.
    count: usize,
    local: SocketAddr,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        let nobody = RecvMeta::default();
        let bytes = vec![0; BATCH_SIZE * BUFFER].into_boxed_slice();
        Self {
            bytes,
            meta: [nobody; BATCH_SIZE],
            count: 0,
            local: nobody.addr,
        }
    }

    /// The datagrams of the last [`Ports::receive`], each with its own part of the buffers. Left out are empty ones,
    /// which say nothing, and those from port 0, which cannot be answered.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = (Path, &mut [u8])> {
        let local = self.local;
        let filled = self
            .bytes
            .chunks_exact_mut(BUFFER)
            .zip(&self.meta)
            .take(self.count);
        filled
            .filter(|(_, meta)| meta.addr.port() != 0)
            .flat_map(move |(buffer, meta)| {
                let path = Path::new(local, without_flow(meta.addr));
                let received = buffer.get_mut(..meta.len).unwrap_or_default();
                received
                    .chunks_mut(meta.stride.max(1))
                    .map(move |datagram| (path, datagram))
            })
    }
}

impl Ports {
    /// Binds one socket per address. Addresses with port 0 get the same free port.
    pub(crate) fn bind(
        addresses: &[SocketAddr],
        buffer: usize,
        portable: bool,
    ) -> Result<Self, BindError> {
        let draws = addresses.iter().any(|one| one.port() == 0);
        // The port that was free on one address may be taken on the next: another draw may help.
        let may_draw_again = |bound: &Result<Self, BindError>| {
            draws && matches!(bound, Err(error) if error.source.kind() == ErrorKind::AddrInUse)
        };
        let mut bound = Self::bind_once(addresses, buffer, portable);
        for _ in 1..SHARED_PORT_TRIES {
            if !may_draw_again(&bound) {
                break;
            }
            bound = Self::bind_once(addresses, buffer, portable);
        }
        bound
    }

    fn bind_once(
        addresses: &[SocketAddr],
        buffer: usize,
        portable: bool,
    ) -> Result<Self, BindError> {
        let mut ports: Vec<Port> = Vec::with_capacity(addresses.len());
        let mut drawn = 0;
        for address in addresses {
            let mut wanted = *address;
            if address.port() == 0 {
                wanted.set_port(drawn);
            }
            let port = Port::bind(wanted, buffer, portable).map_err(|source| BindError {
                address: wanted,
                source,
            })?;
            if address.port() == 0 {
                drawn = port.local.port();
            }
            ports.push(port);
        }
        Ok(Self {
            ports,
            last: 0,
            counters: PortCounters::default(),
        })
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.ports.iter().map(|port| port.local).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.ports.len()
    }

    /// Registers every socket; its token is its index.
    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (index, port) in self.ports.iter_mut().enumerate() {
            registry.register(&mut port.socket, Token(index), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Reads one batch from a socket into `buffers`. False when nothing was there: the next arrival is then told by the
    /// registry.
    pub(crate) fn receive(&self, index: usize, buffers: &mut Buffers) -> bool {
        buffers.count = 0;
        let Some(port) = self.ports.get(index) else {
            return false;
        };
        buffers.local = port.local;
        let received = match &port.offload {
            Some(offload) => port.receive_batch(offload, buffers),
            None => port.receive_one_by_one(buffers),
        };
        match received {
            Ok(count) => buffers.count = count,
            // It waited on the socket (a closed port of some peer, as an ICMP message says) and is gone now that it was
            // told; datagrams may wait behind it. Any other error may last: the next arrival is a new edge.
            Err(error) => return is_about_a_peer(&error),
        }
        true
    }

    /// Datagrams that the kernel threw away because a receive buffer was full.
    pub(crate) fn unread(&self) -> u64 {
        self.ports
            .iter()
            .map(|port| os::receive_drops(port.socket.as_fd()))
            .sum()
    }
}

impl Transmit for Ports {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        let Self {
            ports,
            last,
            counters,
        } = self;
        let is_asked = |port: &Port| port.local == path.local;
        if !ports.get(*last).is_some_and(is_asked) {
            let Some(found) = ports.iter().position(is_asked) else {
                counters.send_failed += 1;
                return;
            };
            *last = found;
        }
        let Some(port) = ports.get(*last) else { return };
        port.send(path.remote, segment_size, contents, |error, count| {
            // BSD says ENOBUFS where Linux says EAGAIN.
            let full = error.kind() == ErrorKind::WouldBlock
                || error.raw_os_error() == Some(libc::ENOBUFS);
            *if full {
                &mut counters.send_full
            } else {
                &mut counters.send_failed
            } += count;
        });
    }
}

impl Port {
    fn bind(address: SocketAddr, buffer: usize, portable: bool) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // The kernel may grant less; that is its right.
        let options = socket2::SockRef::from(&socket);
        let _ = options.set_recv_buffer_size(buffer);
        let _ = options.set_send_buffer_size(buffer);
        let local = socket.local_addr()?;
        let offload = if portable {
            None
        } else {
            Some(Offload::probe(&socket)?)
        };
        Ok(Self {
            socket,
            local,
            offload,
        })
    }

    fn receive_batch(&self, offload: &Offload, buffers: &mut Buffers) -> io::Result<usize> {
        let mut rest = buffers.bytes.chunks_exact_mut(BUFFER);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()));
        offload.state.recv(
            UdpSockRef::from(&self.socket),
            &mut slices,
            &mut buffers.meta,
        )
    }

    fn receive_one_by_one(&self, buffers: &mut Buffers) -> io::Result<usize> {
        let mut count = 0;
        for (buffer, meta) in buffers
            .bytes
            .chunks_exact_mut(BUFFER)
            .zip(&mut buffers.meta)
        {
            match self.socket.recv_from(buffer) {
                Ok((len, addr)) => {
                    *meta = RecvMeta {
                        addr,
                        len,
                        stride: len,
                        ecn: None,
                        dst_ip: None,
                    }
                }
                Err(error) if count == 0 => return Err(error),
                // What was read is taken first; an error that lasts comes again.
                Err(_) => break,
            }
            count += 1;
        }
        Ok(count)
    }

    /// Sends a run of datagrams. Tells `failed` of how many the kernel did not take, and why.
    fn send(
        &self,
        remote: SocketAddr,
        segment_size: usize,
        contents: &[u8],
        mut failed: impl FnMut(io::Error, u64),
    ) {
        let segment_size = segment_size.max(1);
        let count = contents.len().div_ceil(segment_size);
        let offload = self
            .offload
            .as_ref()
            .filter(|offload| (2..=offload.most.get()).contains(&count));
        if let Some(offload) = offload {
            // The socket is bound to one address: the kernel needs no source address from us.
            let (destination, segment_size) = (remote, Some(segment_size));
            let transmit = quinn_udp::Transmit {
                destination,
                ecn: None,
                contents,
                segment_size,
                src_ip: None,
            };
            match offload
                .state
                .try_send(UdpSockRef::from(&self.socket), &transmit)
            {
                Ok(()) => return,
                Err(error) if is_refusal(&error) => {}
                Err(error) => return failed(error, count as u64),
            }
        }
        let mut all_left = true;
        for datagram in contents.chunks(segment_size) {
            if let Err(error) = self.socket.send_to(datagram, remote) {
                all_left = false;
                failed(error, 1);
            }
        }
        // Only if the same datagrams leave one by one it is the interface that cannot. Else it was the path, and a peer
        // with a bad path must not take offload from the others.
        if let (Some(offload), true) = (offload, all_left) {
            offload.most.set(1);
        }
    }
}

impl Offload {
    fn probe(socket: &UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(socket))?;
        let most = Cell::new(state.max_gso_segments());
        Ok(Self { state, most })
    }
}

/// How Linux says that an interface cannot segment, or that a segment is longer than the path takes.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL))
}

fn is_about_a_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
    )
}

/// The flow label is the sender's business and must not make two addresses of one. The scope stays: a link-local
/// address is nothing without it.
fn without_flow(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
