// SPDX-License-Identifier: Apache-2.0
//! The own server against `str0m` clients, in virtual time: what one writes the other reads, whatever the network does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Client, ClientConfig, Event};
use ice::Path;
use netsim::{Link, Network, Seeded};
use sframe::{Codec, RoomContext, RoomKind, Suite, Track};
use shard::{Command, Datagram, Limits, Shard, SlotBinding, SlotSource};
use transport::{DtlsIdentity, Transmit};

const ALL_RIGHTS: u8 = 255;

struct ToNetwork<'a>(&'a mut Network, Instant);

impl Transmit for ToNetwork<'_> {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        for datagram in contents.chunks(segment_size) {
            self.0.send(self.1, path.local, path.remote, datagram);
        }
    }
}

struct Member {
    client: Client,
    address: SocketAddr,
    connected: bool,
    closed: bool,
    /// Bodies that opened, by sender and track.
    opened: BTreeMap<(u16, Track), Vec<Vec<u8>>>,
    refused: usize,
}

struct World {
    now: Instant,
    shard: Shard,
    server: SocketAddr,
    fingerprint: String,
    network: Network,
    members: Vec<Member>,
    profiles: Vec<(String, String)>,
    failures: Vec<String>,
}

impl World {
    fn new(seed: u64, link: Link) -> Self {
        let identity = Arc::new(DtlsIdentity::generate_for_simulation(seed).unwrap());
        let fingerprint = identity.fingerprint().to_owned();
        let mut drawn = Seeded::new(seed);
        let network = Network::new(drawn.next(), link);
        let mut world = Self {
            now: Instant::now(),
            shard: Shard::new(Limits::default(), identity, Box::new(move || drawn.bytes())),
            server: "10.0.0.1:5000".parse().unwrap(),
            fingerprint,
            network,
            members: Vec::new(),
            profiles: Vec::new(),
            failures: Vec::new(),
        };
        world.command(Command::AddRoom {
            token: Some(1),
            room: 1,
            sealing_required: true,
        });
        world
    }

    fn command(&mut self, command: Command) {
        self.shard.command(
            self.now,
            command,
            &mut ToNetwork(&mut self.network, self.now),
        );
    }

    fn join(&mut self, dtls: &str, rights: u8) -> usize {
        let number = self.members.len();
        let config = ClientConfig {
            dtls_1_3: dtls == "1.3",
            audio_slots: 3,
            video_slots: 4,
        };
        let mut client = Client::new(self.now, config).unwrap();
        let context = RoomContext {
            suite: Suite::Aes256GcmSha512,
            app: 1,
            kind: RoomKind::String,
            room: "virtual".to_owned(),
            instance: [9; 16],
        };
        client
            .keys
            .set_room(context, u16::try_from(number).unwrap());
        assert!(
            client
                .keys
                .add_secret(self.now, 1, 0, &[5; 64], false, Duration::ZERO)
        );
        let address: SocketAddr = format!("10.0.1.{}:6000", number + 1).parse().unwrap();
        let id = u32::try_from(number).unwrap() + 1;
        let answered = answer::answer(
            &client.offer(),
            self.server,
            &self.fingerprint,
            id,
            0,
            dtls,
            rights,
        );
        let session = Box::new(answered.session);
        self.command(Command::AddPeer {
            token: 7,
            room: 1,
            peer: u64::from(id),
            session,
        });
        client.accept(self.now, &answered.sdp, address).unwrap();
        self.members.push(Member {
            client,
            address,
            connected: false,
            closed: false,
            opened: BTreeMap::new(),
            refused: 0,
        });
        number
    }

    /// Shows `to` the camera of `from` in its video slot `place`.
    fn bind(&mut self, to: usize, from: usize, place: u16) {
        let slot = 3 + place;
        let source = SlotSource {
            peer: from as u64 + 1,
            track: transport::session::Track::Main,
            layer: 0,
        };
        let bindings = vec![SlotBinding {
            slot,
            generation: 1,
            source: Some(source),
        }];
        self.command(Command::Bind {
            token: Some(9),
            peer: to as u64 + 1,
            bindings,
        });
        let index = u16::try_from(from).unwrap();
        self.members[to]
            .client
            .bind(usize::from(slot), Some((index, Track::Main)));
    }

    fn restart_ice(&mut self, number: usize) {
        let id = u32::try_from(number).unwrap() + 1;
        let member = &mut self.members[number];
        member.client.restart_ice(self.now).unwrap();
        let offer = member.client.offer();
        let answered = answer::answer(
            &offer,
            self.server,
            &self.fingerprint,
            id,
            1,
            "1.2",
            ALL_RIGHTS,
        );
        let session = Box::new(answered.session);
        self.command(Command::UpdatePeer {
            token: Some(8),
            peer: u64::from(id),
            session,
        });
        let address = self.members[number].address;
        self.members[number]
            .client
            .accept(self.now, &answered.sdp, address)
            .unwrap();
    }

    /// Everything that happens until `time` has passed.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let arrival = self.network.next_arrival();
            let clients = self
                .members
                .iter()
                .map(|member| member.client.deadline())
                .min();
            let next = [arrival, self.shard.deadline(), clients]
                .into_iter()
                .flatten()
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
                let mut batch = [Datagram {
                    path,
                    buf: &mut arrival.bytes,
                }];
                self.shard.handle_batch(
                    self.now,
                    &mut batch,
                    &mut ToNetwork(&mut self.network, self.now),
                );
            } else if let Some(member) = self.members.iter_mut().find(|member| member.address == to)
            {
                // A client that has closed refuses; that is its right.
                let _ = member
                    .client
                    .handle_datagram(self.now, from, to, &arrival.bytes);
            }
        }
        if self.shard.deadline().is_some_and(|at| at <= self.now) {
            self.shard
                .handle_timeout(self.now, &mut ToNetwork(&mut self.network, self.now));
        }
        for member in &mut self.members {
            if member.client.deadline() <= self.now {
                let _ = member.client.handle_timeout(self.now);
            }
        }
    }

    fn collect(&mut self) {
        let mut events = Vec::new();
        self.shard.drain_events(&mut events);
        for event in events {
            match event {
                shard::Event::Connected { profile, dtls, .. } => {
                    let version = serde_json::to_value(dtls).unwrap();
                    self.profiles
                        .push((profile, version.as_str().unwrap().to_owned()));
                }
                shard::Event::Result {
                    error: Some(error), ..
                } => self.failures.push(error.message),
                _ => {}
            }
        }
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
                match event {
                    Event::Connected => member.connected = true,
                    Event::Closed => member.closed = true,
                    Event::Frame {
                        index, track, data, ..
                    } => member.opened.entry((index, track)).or_default().push(data),
                    Event::Refused { .. } => member.refused += 1,
                    Event::KeyFrame(_) => {}
                }
            }
        }
    }

    /// Each member sends one video and one audio frame every 20 ms; returns the bodies.
    fn talk(&mut self, frames: usize) {
        for number in 0..frames {
            for sender in 0..self.members.len() {
                let now = self.now;
                let client = &mut self.members[sender].client;
                client
                    .send(
                        now,
                        Track::Main,
                        Codec::Vp8,
                        &video(sender, number),
                        u32::try_from(number).unwrap() * 1_800,
                    )
                    .unwrap();
                client
                    .send(
                        now,
                        Track::Audio,
                        Codec::Opus,
                        &audio(sender, number),
                        u32::try_from(number).unwrap() * 960,
                    )
                    .unwrap();
            }
            self.run(Duration::from_millis(20));
        }
    }

    fn opened(&self, at: usize, from: usize, track: Track) -> &[Vec<u8>] {
        let key = (u16::try_from(from).unwrap(), track);
        self.members[at].opened.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// A frame of three packets; every tenth claims to be a key frame.
fn video(sender: usize, number: usize) -> Vec<u8> {
    let mut frame = vec![if number.is_multiple_of(10) {
        0x10
    } else {
        0x11
    }];
    frame.extend(
        (0..2_500).map(|place| u8::try_from((sender * 31 + number * 7 + place) % 256).unwrap()),
    );
    frame
}

fn audio(sender: usize, number: usize) -> Vec<u8> {
    vec![u8::try_from((sender * 16 + number) % 256).unwrap(); 60]
}

#[test]
fn media_flows_both_ways_in_both_dtls_versions() {
    for version in ["1.2", "1.3"] {
        let mut world = World::new(1, Link::default());
        let (one, other) = (
            world.join(version, ALL_RIGHTS),
            world.join(version, ALL_RIGHTS),
        );
        world.run(Duration::from_secs(2));
        assert!(
            world.members.iter().all(|member| member.connected),
            "DTLS {version}"
        );
        assert_eq!(
            world.profiles,
            vec![("AEAD_AES_256_GCM".to_owned(), version.to_owned()); 2]
        );
        world.bind(one, other, 0);
        world.bind(other, one, 0);
        world.talk(50);
        world.run(Duration::from_millis(500));
        for (at, from) in [(one, other), (other, one)] {
            let pictures = world.opened(at, from, Track::Main);
            assert!(pictures.len() >= 45, "{} of 50", pictures.len());
            assert!(
                pictures
                    .iter()
                    .all(|body| (0..50).any(|number| *body == video(from, number)))
            );
            assert!(world.opened(at, from, Track::Audio).len() >= 45);
        }
        assert_eq!(world.failures, Vec::<String>::new());
    }
}

#[test]
fn media_goes_on_over_an_ice_restart() {
    let mut world = World::new(2, Link::default());
    let (one, other) = (world.join("1.2", ALL_RIGHTS), world.join("1.2", ALL_RIGHTS));
    world.run(Duration::from_secs(2));
    world.bind(one, other, 0);
    world.talk(20);
    world.restart_ice(other);
    world.run(Duration::from_secs(2));
    let before = world.opened(one, other, Track::Main).len();
    world.talk(30);
    world.run(Duration::from_millis(500));
    assert!(before >= 15, "{before}");
    assert!(world.opened(one, other, Track::Main).len() >= before + 25);
    assert_eq!(world.failures, Vec::<String>::new());
}

#[test]
fn a_member_that_is_removed_is_told_and_gets_nothing_more() {
    let mut world = World::new(3, Link::default());
    let (one, other) = (world.join("1.2", ALL_RIGHTS), world.join("1.2", ALL_RIGHTS));
    world.run(Duration::from_secs(2));
    world.bind(one, other, 0);
    world.talk(20);
    world.command(Command::RemovePeer {
        token: Some(5),
        peer: one as u64 + 1,
    });
    world.run(Duration::from_millis(100));
    let before = world.opened(one, other, Track::Main).len();
    assert!(before >= 15, "{before}");
    world.talk(20);
    assert_eq!(world.opened(one, other, Track::Main).len(), before);
    world.run(Duration::from_secs(1));
    assert!(world.members[one].closed);
}

#[test]
fn rights_hold_whatever_is_pushed() {
    // Without SEND_VIDEO, and without RECEIVE_VIDEO at the other end: nothing of the camera comes through.
    for (sender, receiver) in [
        (ALL_RIGHTS & !16, ALL_RIGHTS),
        (ALL_RIGHTS, ALL_RIGHTS & !32),
    ] {
        let mut world = World::new(4, Link::default());
        let (one, other) = (world.join("1.2", sender), world.join("1.2", receiver));
        world.run(Duration::from_secs(2));
        world.bind(other, one, 0);
        world.talk(30);
        assert_eq!(world.opened(other, one, Track::Main).len(), 0);
        assert!(world.opened(other, one, Track::Audio).len() > 20);
    }
}

/// Ten members, each shown three others, at 5 % loss with reorder.
fn lossy_room(seed: u64) -> World {
    let lossy = Link {
        loss: 50,
        jitter: Duration::from_millis(15),
        ..Link::default()
    };
    let mut world = World::new(seed, lossy);
    for _ in 0..10 {
        world.join("1.2", ALL_RIGHTS);
    }
    world.run(Duration::from_secs(4));
    for to in 0..10 {
        for place in 0..3 {
            world.bind(to, (to + 1 + usize::from(place)) % 10, place);
        }
    }
    world.talk(100);
    world.run(Duration::from_secs(1));
    world
}

#[test]
fn a_room_of_ten_at_five_percent_loss_loses_little_and_shows_nothing_wrong() {
    let world = lossy_room(77);
    assert!(world.members.iter().all(|member| member.connected));
    for to in 0..10 {
        for place in 1..=3 {
            let from = (to + place) % 10;
            let pictures = world.opened(to, from, Track::Main);
            // Three packets over two lossy hops: without repair 27 % of the frames would be lost.
            assert!(
                pictures.len() >= 85,
                "{} of 100 from {from} at {to}",
                pictures.len()
            );
            assert!(
                pictures
                    .iter()
                    .all(|body| (0..100).any(|number| *body == video(from, number)))
            );
        }
        let others = (0..10).filter(|other| !(1..=3).any(|place| (to + place) % 10 == *other));
        for other in others {
            assert_eq!(
                world.opened(to, other, Track::Main).len(),
                0,
                "only what was bound is shown"
            );
        }
    }
}
