// SPDX-License-Identifier: Apache-2.0
//! A room of ten on a network that loses and reorders, in virtual time: what is lost is repaired, and a seed says all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod town;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ice::Path;
use netsim::{Link, Network, Passage, Seeded};
use rtp::{Header, Kind, rtcp};
use shard::{Command, Datagram, Event, Limits, Shard, SlotBinding, SlotSource};
use town::{
    AUDIO_PT, AUDIO_SLOT_SSRC, Caller, LEVEL, MID, RID, ROOM, RTX_SLOT_SSRC, VIDEO_PT,
    VIDEO_SLOT_SSRC, path, session,
};
use transport::session::Track;
use transport::{DtlsIdentity, Transmit};

const MEMBERS: u64 = 10;
const TICK: Duration = Duration::from_millis(20);
const TICKS: u64 = 250;
const VOICE: u32 = 50;
const CAMERA: u32 = 60;
/// A receiver asks for what is missing this often.
const ASKS: u32 = 10;

/// What happened, when. Of DTLS neither length nor content: certificates and signatures are never the same.
type Trace = Vec<(Duration, String)>;

/// Sends into the network and writes down what became of it.
struct Wire<'a> {
    network: &'a mut Network,
    trace: &'a mut Trace,
    start: Instant,
    now: Instant,
}

impl Wire<'_> {
    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let fate = self.network.send(self.now, from, to, datagram);
        let what = match rtp::demux(datagram).unwrap() {
            Kind::Stun => format!("stun {}", datagram.len()),
            Kind::Dtls => "dtls".to_owned(),
            Kind::Rtp => format!("rtp {} {:?}", datagram.len(), &datagram[..12]),
            Kind::Rtcp => format!("rtcp {}", datagram.len()),
        };
        self.trace.push((
            self.now - self.start,
            format!("{from} > {to} {what} {fate:?}"),
        ));
    }
}

impl Transmit for Wire<'_> {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        for datagram in contents.chunks(segment_size) {
            self.send(path.local, path.remote, datagram);
        }
    }
}

struct Member {
    caller: Caller,
    checks: u32,
    /// Camera packets as they were sent, for those who ask again.
    sent: BTreeMap<u16, Vec<u8>>,
    next: u64,
    /// Payloads of the camera shown to it, by number in its slot's stream; how often what is missing was asked for.
    shown: BTreeMap<u16, Vec<u8>>,
    missing: BTreeMap<u16, u32>,
    highest: Option<u16>,
    voices: usize,
}

struct World {
    start: Instant,
    now: Instant,
    shard: Shard,
    network: Network,
    trace: Trace,
    members: BTreeMap<u64, Member>,
}

impl World {
    fn new(seed: u64, link: Link) -> Self {
        let mut drawn = Seeded::new(seed);
        let identity = Arc::new(DtlsIdentity::generate_for_simulation(drawn.next()).unwrap());
        let (network, now) = (Network::new(drawn.next(), link), Instant::now());
        let handshakes: Vec<u64> = (0..MEMBERS).map(|_| drawn.next()).collect();
        let shard = Shard::new(Limits::default(), identity, Box::new(move || drawn.bytes()));
        let mut world = Self {
            start: now,
            now,
            shard,
            network,
            trace: Trace::new(),
            members: BTreeMap::new(),
        };
        let (token, room) = (None, ROOM);
        world.command(Command::AddRoom {
            token,
            room,
            sealing_required: false,
        });
        for (peer, seed) in (1..).zip(handshakes) {
            world.join(peer, seed);
        }
        world
    }

    fn join(&mut self, peer: u64, seed: u64) {
        let ufrag = format!("srv{peer}");
        let port = 10_000 + u16::try_from(peer).unwrap();
        let caller = Caller::seeded(self.now, path(port), &ufrag, seed);
        let session = Box::new(session(&ufrag, &caller.fingerprint));
        self.command(Command::AddPeer {
            token: peer,
            room: ROOM,
            peer,
            session,
        });
        let member = Member {
            caller,
            checks: 0,
            sent: BTreeMap::new(),
            next: 100,
            shown: BTreeMap::new(),
            missing: BTreeMap::new(),
            highest: None,
            voices: 0,
        };
        self.members.insert(peer, member);
        let source = SlotSource {
            peer: peer % MEMBERS + 1,
            track: Track::Main,
            layer: 0,
        };
        let bindings = vec![SlotBinding {
            slot: 1,
            generation: 1,
            source: Some(source),
        }];
        self.command(Command::Bind {
            token: None,
            peer,
            bindings,
        });
    }

    fn with_wire<T>(&mut self, act: impl FnOnce(&mut Shard, &mut Wire<'_>, Instant) -> T) -> T {
        let mut wire = Wire {
            network: &mut self.network,
            trace: &mut self.trace,
            start: self.start,
            now: self.now,
        };
        let done = act(&mut self.shard, &mut wire, self.now);
        let mut events = Vec::new();
        self.shard.drain_events(&mut events);
        let at = self.now - self.start;
        self.trace.extend(
            events
                .iter()
                .map(|event: &Event| (at, format!("{event:?}"))),
        );
        done
    }

    fn command(&mut self, command: Command) {
        self.with_wire(|shard, wire, now| shard.command(now, command, wire));
    }

    /// What members say now, and everything that follows from it until the next tick.
    fn tick(&mut self, number: u64) {
        let mut said = Vec::new();
        for member in self.members.values_mut() {
            let path = member.caller.path;
            let datagrams = member.speak(self.now, number);
            said.extend(datagrams.into_iter().map(|datagram| (path, datagram)));
        }
        for (path, datagram) in said {
            self.with_wire(|_, wire, _| wire.send(path.remote, path.local, &datagram));
        }
        let end = self.now + TICK;
        loop {
            let due = self.members.values().filter_map(|member| member.caller.due);
            let next = due
                .chain(self.network.next_arrival())
                .chain(self.shard.deadline())
                .min();
            let Some(next) = next.filter(|next| *next < end) else {
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
            let member = self
                .members
                .values_mut()
                .find(|member| member.caller.path.remote == to);
            if let Some(member) = member {
                member.take(self.now, &arrival.bytes);
            } else {
                let path = Path::new(to, from);
                let buf = &mut arrival.bytes[..];
                let mut batch = [Datagram { path, buf }];
                self.with_wire(|shard, wire, now| shard.handle_batch(now, &mut batch, wire));
            }
        }
        if self.shard.deadline().is_some_and(|at| at <= self.now) {
            self.with_wire(|shard, wire, now| shard.handle_timeout(now, wire));
        }
        let mut said = Vec::new();
        for member in self.members.values_mut() {
            if member.caller.due.is_some_and(|at| at <= self.now) {
                member.caller.start(self.now);
            }
            let path = member.caller.path;
            said.extend(
                member
                    .caller
                    .drain()
                    .into_iter()
                    .map(|datagram| (path, datagram)),
            );
        }
        for (path, datagram) in said {
            self.with_wire(|_, wire, _| wire.send(path.remote, path.local, &datagram));
        }
    }
}

impl Member {
    /// A check and a handshake until there are keys; then a voice, two packets of a picture and what is asked for.
    fn speak(&mut self, now: Instant, tick: u64) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        // A browser repeats its checks, too.
        if self.checks < 5 {
            self.checks += 1;
            said.push(self.caller.check());
        }
        if self.checks == 3 {
            self.caller.start(now);
        }
        said.extend(self.caller.drain());
        if !self.caller.is_keyed() {
            return said;
        }
        for part in 0..2 {
            self.next += 1;
            let picture = [0x10, u8::from(!tick.is_multiple_of(50))];
            let payload = [&picture[..], &tick.to_be_bytes(), &[part; 900]].concat();
            let extensions: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"q")];
            let packet = self
                .caller
                .rtp(VIDEO_PT, CAMERA, self.next, &extensions, &payload);
            self.sent.insert(self.next as u16, packet.clone());
            said.push(packet);
        }
        let extensions: [(u8, &[u8]); 2] = [(MID, b"0"), (LEVEL, &[0x80 | 20])];
        said.push(self.caller.rtp(
            AUDIO_PT,
            VOICE,
            100 + tick,
            &extensions,
            &tick.to_be_bytes(),
        ));
        said.extend(self.ask_again());
        said.extend(self.repeat());
        said
    }

    fn take(&mut self, now: Instant, datagram: &[u8]) {
        let is_media = matches!(rtp::demux(datagram), Some(Kind::Rtp | Kind::Rtcp));
        if is_media && !self.caller.is_keyed() {
            return;
        }
        self.caller.take(now, datagram);
        for got in std::mem::take(&mut self.caller.got) {
            match got.header {
                Header {
                    ssrc: AUDIO_SLOT_SSRC,
                    ..
                } => self.voices += 1,
                Header {
                    ssrc: VIDEO_SLOT_SSRC,
                    sequence,
                    ..
                } => self.show(sequence, got.payload),
                // The first two bytes are the number it had (RFC 4588 section 4).
                Header {
                    ssrc: RTX_SLOT_SSRC,
                    ..
                } => {
                    let (number, payload) = got.payload.split_at(2);
                    let number = u16::from_be_bytes(number.try_into().unwrap());
                    self.show(number, payload.to_vec());
                }
                header => panic!("nobody asked for {header:?}"),
            }
        }
    }

    fn show(&mut self, number: u16, payload: Vec<u8>) {
        let highest = *self.highest.get_or_insert(number);
        let ahead = number.wrapping_sub(highest);
        if ahead < 0x8000 {
            for missing in 1..ahead {
                self.missing.insert(highest.wrapping_add(missing), 0);
            }
            self.highest = Some(number);
        }
        self.missing.remove(&number);
        self.shown.insert(number, payload);
    }

    fn ask_again(&mut self) -> Option<Vec<u8>> {
        self.missing.retain(|_, asked| *asked < ASKS);
        self.missing.values_mut().for_each(|asked| *asked += 1);
        let missing: Vec<u16> = self.missing.keys().copied().collect();
        let mut buf = [0; 600];
        let mut len = rtcp::write_receiver_report(&mut buf, 77, &[]).unwrap();
        len += rtcp::write_nack(&mut buf[len..], 77, VIDEO_SLOT_SSRC, &missing).ok()?;
        Some(self.caller.rtcp(&buf[..len]))
    }

    /// Camera packets that the server asks for, as they were.
    fn repeat(&mut self) -> Vec<Vec<u8>> {
        let compounds = std::mem::take(&mut self.caller.rtcp);
        let mut wanted = BTreeSet::new();
        for compound in &compounds {
            for packet in rtcp::packets(compound) {
                if let Ok(rtcp::Packet::Nack(nack)) = packet {
                    wanted.extend(nack.sequences());
                }
            }
        }
        wanted
            .iter()
            .filter_map(|number| self.sent.get(number).cloned())
            .collect()
    }
}

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
