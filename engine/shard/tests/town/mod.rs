// SPDX-License-Identifier: Apache-2.0
//! A shard with callers, in virtual time.
#![allow(dead_code, reason = "each test file uses its own part")]

mod caller;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub use caller::{Caller, Got, PASSWORD};
use ice::Path;
use rtp::Codec;
use shard::{Command, Datagram, Event, Limits, RoomRecord, Shard, SlotBinding, SlotSource, Stats};
use transport::session::{
    CodecParameters, Credentials, DtlsVersion, ExtensionId, Kind, ReceiveSlot, Rights, SendTrack,
    Session, Track,
};
use transport::{DtlsIdentity, Transmit};

pub const ROOM: u64 = 7;
pub const AUDIO_PT: u8 = 111;
pub const VIDEO_PT: u8 = 96;
pub const RTX_PT: u8 = 97;
pub const MID: u8 = 1;
pub const RID: u8 = 3;
pub const LEVEL: u8 = 5;
pub const AUDIO_SLOT_SSRC: u32 = 3_000;
pub const VIDEO_SLOT_SSRC: u32 = 4_000;
pub const RTX_SLOT_SSRC: u32 = 4_001;

fn identity() -> Arc<DtlsIdentity> {
    static IDENTITY: OnceLock<Arc<DtlsIdentity>> = OnceLock::new();
    IDENTITY
        .get_or_init(|| Arc::new(DtlsIdentity::generate().unwrap()))
        .clone()
}

pub fn path(port: u16) -> Path {
    Path::new(
        "192.0.2.1:5000".parse().unwrap(),
        format!("198.51.100.7:{port}").parse().unwrap(),
    )
}

fn codec(payload_type: u8, codec: Codec, rtx_payload_type: Option<u8>) -> CodecParameters {
    let clock_rate = if codec.is_audio() { 48_000 } else { 90_000 };
    CodecParameters {
        payload_type,
        codec,
        clock_rate,
        rtx_payload_type,
    }
}

/// A voice, a camera in three layers and a screen to send; one audio slot and one video slot to receive.
pub fn session(ufrag: &str, fingerprint: &str) -> Session {
    let kinds = [
        (MID, rtp::ExtensionKind::Mid),
        (RID, rtp::ExtensionKind::Rid),
        (LEVEL, rtp::ExtensionKind::AudioLevel),
    ];
    let extensions: Vec<_> = kinds
        .iter()
        .map(|(id, kind)| ExtensionId {
            id: *id,
            uri: kind.uri().to_owned(),
        })
        .collect();
    let (voice, camera) = (
        codec(AUDIO_PT, Codec::Opus, None),
        codec(VIDEO_PT, Codec::Vp8, Some(RTX_PT)),
    );
    let send = |mid: &str, track, codec, rids: &[&str]| SendTrack {
        mid: mid.to_owned(),
        track,
        codecs: vec![codec],
        rids: rids.iter().map(ToString::to_string).collect(),
        extensions: extensions.clone(),
        ssrcs: vec![],
    };
    let slot = |mid: &str, kind, ssrc, rtx_ssrc, codec| ReceiveSlot {
        mid: mid.to_owned(),
        kind,
        ssrc,
        rtx_ssrc,
        codecs: vec![codec],
        extensions: extensions.clone(),
    };
    let credentials = |ufrag: &str| Credentials {
        ufrag: ufrag.to_owned(),
        pwd: PASSWORD.to_owned(),
    };
    Session {
        local_ice: credentials(ufrag),
        remote_ice: credentials("peer"),
        remote_fingerprint: fingerprint.to_owned(),
        dtls: DtlsVersion::V12,
        rights: Rights::ALL,
        sends: vec![
            send("0", Track::Audio, voice, &[]),
            send("1", Track::Main, camera, &["q", "h", "f"]),
            send("2", Track::Screen, camera, &[]),
        ],
        slots: vec![
            slot("3", Kind::Audio, AUDIO_SLOT_SSRC, None, voice),
            slot(
                "4",
                Kind::Video,
                VIDEO_SLOT_SSRC,
                Some(RTX_SLOT_SSRC),
                camera,
            ),
        ],
    }
}

/// Empties a slot.
pub fn empty_slot(slot: u16, generation: u32) -> SlotBinding {
    SlotBinding {
        slot,
        generation,
        source: None,
    }
}

/// What the shard sent.
#[derive(Default)]
pub struct Wire(pub Vec<(Path, Vec<u8>)>);

impl Transmit for Wire {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        self.0.extend(
            contents
                .chunks(segment_size)
                .map(|datagram| (path, datagram.to_vec())),
        );
    }
}

pub struct Town {
    pub shard: Shard,
    pub now: Instant,
    pub wire: Wire,
    pub callers: BTreeMap<u64, Caller>,
    pub events: Vec<Event>,
    /// The next packet index of each caller's stream.
    indices: BTreeMap<(u64, u32), u64>,
    token: u64,
}

impl Town {
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        let mut seed = 0_u8;
        let entropy = Box::new(move || {
            seed = seed.wrapping_add(1);
            [seed; 32]
        });
        let mut town = Self {
            shard: Shard::new(limits, identity(), entropy),
            now: Instant::now(),
            wire: Wire::default(),
            callers: BTreeMap::new(),
            events: Vec::new(),
            indices: BTreeMap::new(),
            token: 0,
        };
        town.command(Command::AddRoom {
            token: None,
            room: ROOM,
            sealing_required: false,
        });
        town
    }

    pub fn command(&mut self, command: Command) {
        self.shard.command(self.now, command, &mut self.wire);
        self.settle();
    }

    /// Adds a peer; returns the code of the failure, if any.
    pub fn add(&mut self, room: u64, peer: u64, session: Session) -> Option<String> {
        self.token += 1;
        let token = self.token;
        self.command(Command::AddPeer {
            token,
            room,
            peer,
            session: Box::new(session),
        });
        self.result(token)
    }

    /// The code of a command's failure, if any.
    pub fn result(&mut self, token: u64) -> Option<String> {
        let is_it = |event: &Event| matches!(event, Event::Result { token: t, .. } if *t == token);
        let place = self.events.iter().position(is_it).unwrap();
        match self.events.remove(place) {
            Event::Result { error, .. } => error.map(|error| error.code),
            _ => None,
        }
    }

    /// A caller whose media flows.
    pub fn join(&mut self, peer: u64) {
        self.join_room(ROOM, peer, |_| {});
    }

    /// A caller whose media flows in this room, with a session that was changed before.
    pub fn join_room(&mut self, room: u64, peer: u64, change: impl FnOnce(&mut Session)) {
        let ufrag = format!("srv{peer}");
        let mut caller = Caller::new(self.now, path(10_000 + peer as u16), &ufrag);
        let mut session = session(&ufrag, &caller.fingerprint);
        change(&mut session);
        assert_eq!(self.add(room, peer, session), None);
        let check = caller.check();
        self.callers.insert(peer, caller);
        self.give_from(peer, check);
        self.callers.get_mut(&peer).unwrap().start(self.now);
        self.settle();
        let connected =
            |event: &Event| matches!(event, Event::Connected { peer: p, .. } if *p == peer);
        assert!(self.events.iter().any(connected), "{:?}", self.events);
    }

    pub fn give_from(&mut self, peer: u64, datagram: Vec<u8>) {
        let path = self.callers[&peer].path;
        self.give(path, datagram);
    }

    pub fn give(&mut self, path: Path, datagram: Vec<u8>) {
        self.give_batch(vec![(path, datagram)]);
    }

    pub fn give_batch(&mut self, mut datagrams: Vec<(Path, Vec<u8>)>) {
        let mut batch: Vec<_> = datagrams
            .iter_mut()
            .map(|(path, buf)| Datagram { path: *path, buf })
            .collect();
        self.shard
            .handle_batch(self.now, &mut batch, &mut self.wire);
        self.settle();
    }

    /// Lets all talk until nobody has more to say.
    pub fn settle(&mut self) {
        loop {
            self.shard.drain_events(&mut self.events);
            for (path, datagram) in std::mem::take(&mut self.wire.0) {
                if let Some(caller) = self.callers.values_mut().find(|caller| caller.path == path) {
                    caller.take(self.now, &datagram);
                }
            }
            let answers: Vec<_> = self
                .callers
                .values_mut()
                .flat_map(|caller| {
                    caller
                        .drain()
                        .into_iter()
                        .map(|datagram| (caller.path, datagram))
                })
                .collect();
            if answers.is_empty() && self.wire.0.is_empty() {
                return;
            }
            for (path, mut datagram) in answers {
                let mut batch = [Datagram {
                    path,
                    buf: &mut datagram,
                }];
                self.shard
                    .handle_batch(self.now, &mut batch, &mut self.wire);
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.shard.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.shard.handle_timeout(self.now, &mut self.wire);
            self.settle();
        }
        self.now = end;
    }

    fn next_index(&mut self, peer: u64, ssrc: u32) -> u64 {
        self.skip_index(peer, ssrc, 1)
    }

    /// The next packet index of a caller's stream, `by` on.
    pub fn skip_index(&mut self, peer: u64, ssrc: u32, by: u64) -> u64 {
        let index = self.indices.entry((peer, ssrc)).or_insert(100);
        *index += by;
        *index
    }

    /// A packet of a caller's voice.
    pub fn voice(&mut self, peer: u64, payload: &[u8]) -> Vec<u8> {
        let index = self.next_index(peer, 50);
        let extensions: [(u8, &[u8]); 2] = [(MID, b"0"), (LEVEL, &[0x80 | 20])];
        self.callers
            .get_mut(&peer)
            .unwrap()
            .rtp(AUDIO_PT, 50, index, &extensions, payload)
    }

    /// A frame of one packet of a caller's camera.
    pub fn frame(&mut self, peer: u64, layer: usize, key: bool, body: &[u8]) -> Vec<u8> {
        let ssrc = 60 + layer as u32;
        let index = self.next_index(peer, ssrc);
        let payload = [&[0x10, u8::from(!key)][..], body].concat();
        let rid = ["q", "h", "f"][layer];
        let extensions: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, rid.as_bytes())];
        self.callers
            .get_mut(&peer)
            .unwrap()
            .rtp(VIDEO_PT, ssrc, index, &extensions, &payload)
    }

    pub fn bind(&mut self, peer: u64, generation: u32, source: u64, layer: u8) {
        let source = Some(SlotSource {
            peer: source,
            track: Track::Main,
            layer,
        });
        let bindings = vec![SlotBinding {
            slot: 1,
            generation,
            source,
        }];
        self.command(Command::Bind {
            token: None,
            peer,
            bindings,
        });
    }

    /// Payloads that a caller got on an SSRC since the last call.
    pub fn heard(&mut self, peer: u64, ssrc: u32) -> Vec<Vec<u8>> {
        let caller = self.callers.get_mut(&peer).unwrap();
        let (wanted, others) = std::mem::take(&mut caller.got)
            .into_iter()
            .partition(|got| got.header.ssrc == ssrc);
        caller.got = others;
        let wanted: Vec<Got> = wanted;
        wanted.into_iter().map(|got| got.payload).collect()
    }

    pub fn stats(&mut self) -> Stats {
        self.command(Command::Stats { token: 0 });
        let place = self
            .events
            .iter()
            .position(|event| matches!(event, Event::Stats { .. }))
            .unwrap();
        match self.events.remove(place) {
            Event::Stats { stats, .. } => *stats,
            _ => Stats::default(),
        }
    }

    pub fn record(&mut self, token: u64) -> Option<RoomRecord> {
        let is_it = |event: &Event| matches!(event, Event::Record { token: t, .. } if *t == token);
        let place = self.events.iter().position(is_it)?;
        match self.events.remove(place) {
            Event::Record { record, .. } => Some(*record),
            _ => None,
        }
    }

    pub fn refused(&mut self, reason: &str) -> u64 {
        self.stats().refused.get(reason).copied().unwrap_or(0)
    }
}
