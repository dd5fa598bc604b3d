// SPDX-License-Identifier: Apache-2.0
//! A room of ten on a virtual network. Members speak, show their camera, ask for what is missing, and report.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ice::Path;
use netsim::{Fate, Link, Network, Seeded};
use rtp::{Header, Kind, rtcp};
use shard::{Command, Datagram, Event, Limits, Shard, SlotBinding, SlotSource};
use transport::session::Track;
use transport::{DtlsIdentity, Transmit};

use crate::town::{
    AUDIO_PT, AUDIO_SLOT_SSRC, Caller, LEVEL, MID, RID, ROOM, RTX_PT, RTX_SLOT_SSRC, VIDEO_PT,
    VIDEO_SLOT_SSRC, path, session,
};

pub const MEMBERS: u64 = 10;
pub const TICK: Duration = Duration::from_millis(20);
pub const TICKS: u64 = 250;
pub const VOICE: u32 = 50;
pub const CAMERA: u32 = 60;
/// Ticks between reports.
const REPORT: u64 = 25;
const CAMERA_AGAIN: u32 = 61;
/// A receiver asks for what is missing this often.
const ASKS: u32 = 10;

/// What happened, when. Of DTLS neither length nor content: certificates and signatures are never the same.
pub type Trace = Vec<(Duration, String)>;

/// Media packets of each stream that were sent over each route, and of them those that were lost.
pub type Media = BTreeMap<(SocketAddr, SocketAddr, u32), (u64, u64)>;

/// Sends into the network and writes down what became of it.
struct Wire<'a> {
    network: &'a mut Network,
    trace: &'a mut Trace,
    media: &'a mut Media,
    start: Instant,
    now: Instant,
}

impl Wire<'_> {
    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let fate = self.network.send(self.now, from, to, datagram);
        if rtp::demux(datagram) == Some(Kind::Rtp) {
            let ssrc = Header::parse_unauthenticated(datagram).unwrap().ssrc;
            let counted = self.media.entry((from, to, ssrc)).or_default();
            counted.0 += 1;
            counted.1 += u64::from(matches!(fate, Fate::Lost | Fate::Dropped));
        }
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

pub struct Member {
    pub caller: Caller,
    checks: u32,
    /// Timestamps and payloads of camera packets, for those who ask again; which were asked for.
    sent: BTreeMap<u16, (u32, Vec<u8>)>,
    wanted: BTreeSet<u16>,
    next: u64,
    next_again: u64,
    /// Payloads of the camera shown to it, by number in its slot's stream; how often what is missing was asked for.
    pub shown: BTreeMap<u16, Vec<u8>>,
    pub missing: BTreeMap<u16, u32>,
    highest: Option<u16>,
    pub voices: usize,
    pub reception: Reception,
    /// Says nothing but what keeps the path open.
    pub is_silent: bool,
}

/// What a member reports of the camera shown to it.
#[derive(Default)]
pub struct Reception {
    first: Option<u16>,
    highest: u16,
    received: i32,
    /// Middle of the time in the latest sender report, and when it came.
    report: Option<(u32, Instant)>,
    /// Packets that never came but again, by the latest report.
    pub reported: i32,
    pub nacked: u64,
}

pub struct World {
    pub start: Instant,
    pub now: Instant,
    shard: Shard,
    pub network: Network,
    pub trace: Trace,
    pub media: Media,
    pub events: Vec<Event>,
    pub members: BTreeMap<u64, Member>,
}

impl World {
    pub fn new(seed: u64, link: Link) -> Self {
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
            media: Media::new(),
            events: Vec::new(),
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
            wanted: BTreeSet::new(),
            next: 100,
            next_again: 0,
            shown: BTreeMap::new(),
            missing: BTreeMap::new(),
            highest: None,
            voices: 0,
            reception: Reception::default(),
            is_silent: false,
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
            media: &mut self.media,
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
        self.events.append(&mut events);
        done
    }

    pub fn command(&mut self, command: Command) {
        self.with_wire(|shard, wire, now| shard.command(now, command, wire));
    }

    /// What members say now, and everything that follows from it until the next tick.
    pub fn tick(&mut self, number: u64) {
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
        if !self.caller.is_keyed() || self.is_silent {
            return said;
        }
        for part in 0..2 {
            self.next += 1;
            let picture = [0x10, u8::from(!tick.is_multiple_of(50))];
            let payload = [&picture[..], &tick.to_be_bytes(), &[part; 900]].concat();
            let extensions: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"q")];
            let timestamp = tick as u32 * 1_800;
            let packet = self.caller.rtp_at(
                timestamp,
                VIDEO_PT,
                CAMERA,
                self.next,
                &extensions,
                &payload,
            );
            self.sent.insert(self.next as u16, (timestamp, payload));
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
        if tick.is_multiple_of(REPORT) {
            said.extend(self.report(now));
        }
        said
    }

    fn take(&mut self, now: Instant, datagram: &[u8]) {
        let is_media = matches!(rtp::demux(datagram), Some(Kind::Rtp | Kind::Rtcp));
        if is_media && !self.caller.is_keyed() {
            return;
        }
        self.caller.take(now, datagram);
        self.take_control(now);
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
                } => {
                    self.reception.take(sequence);
                    self.show(sequence, got.payload);
                }
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
        self.reception.nacked += missing.len() as u64;
        let mut buf = [0; 600];
        let mut len = rtcp::write_receiver_report(&mut buf, 77, &[]).unwrap();
        len += rtcp::write_nack(&mut buf[len..], 77, VIDEO_SLOT_SSRC, &missing).ok()?;
        Some(self.caller.rtcp(&buf[..len]))
    }

    /// What the server says in RTCP.
    fn take_control(&mut self, now: Instant) {
        for compound in std::mem::take(&mut self.caller.rtcp) {
            for packet in rtcp::packets(&compound) {
                match packet {
                    Ok(rtcp::Packet::Nack(nack)) => self.wanted.extend(nack.sequences()),
                    Ok(rtcp::Packet::SenderReport(report))
                        if report.info.ssrc == VIDEO_SLOT_SSRC =>
                    {
                        self.reception.report = Some(((report.info.ntp >> 16) as u32, now));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Camera packets that the server asks for, as retransmissions (RFC 4588).
    fn repeat(&mut self) -> Vec<Vec<u8>> {
        let extensions: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"q")];
        let mut repeated = Vec::new();
        for number in std::mem::take(&mut self.wanted) {
            let Some((timestamp, payload)) = self.sent.get(&number) else {
                continue;
            };
            self.next_again += 1;
            let payload = [&number.to_be_bytes()[..], payload].concat();
            repeated.push(self.caller.rtp_at(
                *timestamp,
                RTX_PT,
                CAMERA_AGAIN,
                self.next_again,
                &extensions,
                &payload,
            ));
        }
        repeated
    }

    /// A receiver report about the camera shown to it.
    fn report(&mut self, now: Instant) -> Option<Vec<u8>> {
        let block = self.reception.block(now)?;
        let mut buf = [0; 100];
        let len = rtcp::write_receiver_report(&mut buf, 77, &[block]).unwrap();
        Some(self.caller.rtcp(&buf[..len]))
    }
}

impl Reception {
    fn take(&mut self, sequence: u16) {
        self.first.get_or_insert(sequence);
        self.highest = self.highest.max(sequence);
        self.received += 1;
    }

    fn block(&mut self, now: Instant) -> Option<rtcp::ReportBlock> {
        let expected = i32::from(self.highest) - i32::from(self.first?) + 1;
        self.reported = expected - self.received;
        let (last, since) = self.report.map_or((0, Duration::ZERO), |(middle, at)| {
            (middle, now.saturating_duration_since(at))
        });
        Some(rtcp::ReportBlock {
            ssrc: VIDEO_SLOT_SSRC,
            fraction_lost: 12,
            cumulative_lost: self.reported,
            highest_sequence: u32::from(self.highest),
            jitter: 180,
            last_sender_report: last,
            delay_since_last_sender_report: (since.as_micros() * 65_536 / 1_000_000) as u32,
        })
    }
}
