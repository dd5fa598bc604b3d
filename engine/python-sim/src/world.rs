// SPDX-License-Identifier: Apache-2.0
//! The shard, the clients and the network, and how time passes for all of them.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{Client, ClientConfig, ClientError};
use ice::Path;
use netsim::{Link, Network, Seeded};
use shard::{Command, Datagram, DumpSink, Event, Limits, Shard};
use transport::{DtlsIdentity, IdentityError, Transmit};

/// Where the engine takes media.
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5_000);

struct Wire<'a>(&'a mut Network, Instant);

impl Transmit for Wire<'_> {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        for datagram in contents.chunks(segment_size.max(1)) {
            self.0.send(self.1, path.local, path.remote, datagram);
        }
    }
}

/// Where the sink's dump goes, and is taken from.
#[derive(Clone, Default)]
pub(crate) struct Forwarded(Arc<Mutex<Vec<u8>>>);

impl Forwarded {
    /// Everything since it was last taken.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Forwarded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A client and what it said since it was last asked.
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<client::Event>,
}

/// Everything there is.
pub(crate) struct World {
    start: Instant,
    now: Instant,
    shard: Shard,
    pub(crate) server: SocketAddr,
    pub(crate) fingerprint: String,
    pub(crate) network: Network,
    pub(crate) members: Vec<Member>,
    pub(crate) events: Vec<Event>,
    pub(crate) forwarded: Forwarded,
}

impl World {
    pub(crate) fn new(seed: u64, link: Link) -> Result<Self, IdentityError> {
        let mut drawn = Seeded::new(seed);
        let identity = Arc::new(DtlsIdentity::generate_for_simulation(drawn.next())?);
        let network = Network::new(drawn.next(), link);
        let start = Instant::now();
        let forwarded = Forwarded::default();
        let dump = DumpSink::new(forwarded.clone());
        let mut shard = Shard::new(
            Limits::default(),
            identity.clone(),
            Box::new(move || drawn.bytes()),
        );
        shard.set_sinks(Some(Box::new(move |_| Box::new(dump.clone()))));
        Ok(Self {
            start,
            now: start,
            fingerprint: identity.fingerprint().to_owned(),
            shard,
            server: SERVER,
            network,
            members: Vec::new(),
            events: Vec::new(),
            forwarded,
        })
    }

    pub(crate) const fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn passed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn command(&mut self, command: Command) {
        let mut wire = Wire(&mut self.network, self.now);
        self.shard.command(self.now, command, &mut wire);
        self.shard.drain_events(&mut self.events);
    }

    pub(crate) fn add_client(&mut self, config: ClientConfig) -> Result<usize, ClientError> {
        let client = Client::new(self.now, config)?;
        let number = self.members.len();
        let [high, low] = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
        let address = SocketAddr::from(([10, 1, high, low], 6_000));
        self.members.push(Member {
            client,
            address,
            events: Vec::new(),
        });
        Ok(number)
    }

    /// Everything that happens until `time` has passed.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let clients = self.members.iter().map(|member| member.client.deadline());
            let next = clients
                .chain(self.network.next_arrival())
                .chain(self.shard.deadline())
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        while let Some(mut arrival) = self.network.arrival(self.now) {
            let (from, to) = (arrival.from, arrival.to);
            if to == self.server {
                let path = Path::new(to, from);
                let buf = &mut arrival.bytes[..];
                let mut wire = Wire(&mut self.network, self.now);
                self.shard
                    .handle_batch(self.now, &mut [Datagram { path, buf }], &mut wire);
            } else if let Some(member) = self.members.iter_mut().find(|one| one.address == to) {
                // A client that has closed refuses; that is its right.
                let _ = member
                    .client
                    .handle_datagram(self.now, from, to, &arrival.bytes);
            }
        }
        if self.shard.deadline().is_some_and(|at| at <= self.now) {
            let mut wire = Wire(&mut self.network, self.now);
            self.shard.handle_timeout(self.now, &mut wire);
        }
        for member in &mut self.members {
            if member.client.deadline() <= self.now {
                let _ = member.client.handle_timeout(self.now);
            }
        }
    }

    fn collect(&mut self) {
        self.shard.drain_events(&mut self.events);
        for member in &mut self.members {
            while let Some(outgoing) = member.client.poll_transmit() {
                self.network.send(
                    self.now,
                    member.address,
                    outgoing.destination,
                    &outgoing.contents,
                );
            }
            while let Some(event) = member.client.poll_event() {
                member.events.push(event);
            }
        }
    }
}
