// SPDX-License-Identifier: Apache-2.0
//! A room with transports that only write down what they were told, and a clock that is turned by hand.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ice::Path;
use room::{Binding, ParticipantId, PeerKey, Peers, Refusal, Room, RoomEvent, Source};
use rtp::{AudioLevel, Codec, ExtensionKind, Header};
use transport::session::{
    CodecParameters, Credentials, DtlsVersion, ExtensionId, Kind, ReceiveSlot, Rights, SendTrack,
    Session, Track,
};
use transport::{
    Egress, Input, OutgoingRtp, PeerEvent, PeerTransport, RtpClock, RtpIn, Sent, SessionError,
    Slab, Transmit,
};

/// A packet that a transport was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentPacket {
    pub slot: u16,
    pub rtx: bool,
    pub codec: Codec,
    pub marker: bool,
    pub sequence: u64,
    pub timestamp: u32,
    pub extensions: Vec<(ExtensionKind, Vec<u8>)>,
    pub payload: Vec<u8>,
}

/// Writes down what it is told.
#[derive(Default)]
pub struct FakePeer {
    pub sent: Vec<SentPacket>,
    pub key_frame_requests: Vec<(Instant, u8, u8)>,
    pub clocks: Vec<(u16, RtpClock)>,
    pub cleared: Vec<u16>,
    /// Only counts: for the test that counts allocations.
    pub silent: bool,
    pub count: u64,
    /// The newest number sent in slot 0.
    pub last_number: u64,
}

impl PeerTransport for FakePeer {
    fn on_datagram(&mut self, _: Instant, _: Path, _: &mut [u8], _: &mut Egress<'_>) -> Input {
        Input::Handled
    }

    fn send_rtp(
        &mut self,
        _: Instant,
        out: &OutgoingRtp<'_>,
        payload: &[u8],
        _: &mut Egress<'_>,
    ) -> Sent {
        self.count += 1;
        if out.slot == 0 && !out.rtx {
            self.last_number = out.ext_sequence;
        }
        if !self.silent {
            self.sent.push(SentPacket {
                slot: out.slot,
                rtx: out.rtx,
                codec: out.codec,
                marker: out.marker,
                sequence: out.ext_sequence,
                timestamp: out.timestamp,
                extensions: out
                    .extensions
                    .iter()
                    .map(|(kind, value)| (*kind, value.to_vec()))
                    .collect(),
                payload: payload.to_vec(),
            });
        }
        Ok(payload.len())
    }

    fn set_slot_clock(&mut self, slot: u16, clock: RtpClock) {
        self.clocks.push((slot, clock));
    }

    fn clear_slot(&mut self, slot: u16) {
        self.cleared.push(slot);
    }

    fn request_key_frame(&mut self, now: Instant, track: u8, layer: u8) {
        self.key_frame_requests.push((now, track, layer));
    }

    fn set_rights(&mut self, _: Rights) {}

    fn update(&mut self, _: Instant, _: &Session) -> Result<(), SessionError> {
        Ok(())
    }

    fn knows(&self, _: &Path) -> bool {
        true
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_deadline(&mut self, _: Instant, _: &mut Egress<'_>) {}

    fn poll_event(&mut self) -> Option<PeerEvent> {
        None
    }

    fn close(&mut self, _: Instant, _: &mut Egress<'_>) {}
}

#[derive(Default)]
pub struct Fakes(pub BTreeMap<u32, FakePeer>);

impl Peers for Fakes {
    type Transport = FakePeer;

    fn transport(&mut self, key: PeerKey) -> Option<&mut FakePeer> {
        self.0.get_mut(&key.0)
    }
}

struct Nowhere;

impl Transmit for Nowhere {
    fn transmit(&mut self, _: Path, _: usize, _: &[u8]) {}
}

/// The room, its peers and the time.
pub struct Rig {
    pub room: Room,
    pub peers: Fakes,
    pub now: Instant,
    pub start: Instant,
    slab: Slab,
    buf: Vec<u8>,
}

/// A packet as a publisher would send it.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub send: u8,
    pub layer: u8,
    pub ssrc: u32,
    pub sequence: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub codec: Codec,
    pub extensions: &'a [(u8, &'a [u8])],
    pub level: Option<u8>,
    pub payload: &'a [u8],
}

impl Packet<'_> {
    pub fn video(layer: u8, sequence: u64, timestamp: u32, payload: &[u8]) -> Packet<'_> {
        let (codec, ssrc) = (Codec::Vp8, 1_000 + u32::from(layer));
        Packet {
            send: 1,
            layer,
            ssrc,
            sequence,
            timestamp,
            marker: false,
            codec,
            extensions: &[],
            level: None,
            payload,
        }
    }

    pub fn audio(sequence: u64, level: u8, payload: &[u8]) -> Packet<'_> {
        let (codec, timestamp) = (Codec::Opus, sequence as u32 * 960);
        Packet {
            send: 0,
            layer: 0,
            ssrc: 99,
            sequence,
            timestamp,
            marker: false,
            codec,
            extensions: &[],
            level: Some(level),
            payload,
        }
    }
}

/// VP8 with a 15-bit picture id and TL0PICIDX; `tag` 0 begins a key frame, 1 a delta frame.
pub fn vp8(start: bool, tag: u8, picture_id: u16, tl0: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (picture_id | 0x8000).to_be_bytes();
    let first = if start { 0x90 } else { 0x80 };
    [&[first, 0xE0, high, low, tl0, 0x20, tag][..], body].concat()
}

impl Rig {
    pub fn new(sealing_required: bool) -> Self {
        let start = Instant::now();
        Self {
            room: Room::new(1, sealing_required),
            peers: Fakes::default(),
            now: start,
            start,
            slab: Slab::new(),
            buf: Vec::new(),
        }
    }

    /// Lets a peer in whose transport is up.
    pub fn join(&mut self, peer: u64, session: &Session) -> ParticipantId {
        let id = self.room.join(PeerKey(peer as u32), peer, session).unwrap();
        self.peers.0.insert(peer as u32, FakePeer::default());
        let profile = srtp::Profile::AeadAes256Gcm;
        self.event(
            id,
            PeerEvent::Connected {
                profile,
                dtls: DtlsVersion::V12,
            },
        );
        id
    }

    pub fn leave(&mut self, peer: u64, id: ParticipantId) {
        self.room.leave(id);
        self.peers.0.remove(&(peer as u32));
        self.flush();
    }

    pub fn event(&mut self, id: ParticipantId, event: PeerEvent) {
        let mut nowhere = Nowhere;
        let mut tx = Egress::new(&mut self.slab, &mut nowhere);
        self.room
            .on_event(self.now, id, &event, &mut self.peers, &mut tx);
        self.room.flush(self.now, &mut self.peers, &mut tx);
    }

    pub fn nack(&mut self, id: ParticipantId, slot: u16, ext_sequence: u64) {
        self.event(id, PeerEvent::Nack { slot, ext_sequence });
    }

    /// Takes a packet and flushes.
    pub fn send(&mut self, id: ParticipantId, packet: &Packet<'_>) -> Result<(), Refusal> {
        let result = self.ingest(id, packet);
        self.flush();
        result
    }

    pub fn ingest(&mut self, id: ParticipantId, packet: &Packet<'_>) -> Result<(), Refusal> {
        write_packet(&mut self.buf, packet);
        let header = Header::parse(&self.buf).unwrap();
        let info = rtp::inspect(packet.codec, packet.payload).unwrap_or_default();
        let packet = RtpIn {
            header,
            ext_sequence: packet.sequence,
            track: packet.send,
            layer: packet.layer,
            codec: packet.codec,
            clock_rate: 90_000,
            repaired: false,
            info,
            audio_level: packet.level.map(|level_dbov| AudioLevel {
                voice: true,
                level_dbov,
            }),
            dependency_descriptor: None,
        };
        self.room.ingest(self.now, id, &packet, &self.buf)
    }

    pub fn flush(&mut self) {
        let mut nowhere = Nowhere;
        let mut tx = Egress::new(&mut self.slab, &mut nowhere);
        self.room.flush(self.now, &mut self.peers, &mut tx);
    }

    /// Lets time pass, and the room do what becomes due, to the millisecond.
    pub fn pass(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            self.now += Duration::from_millis(1);
            if self.room.deadline().is_some_and(|at| at <= self.now) {
                self.room.on_deadline(self.now, &mut self.peers);
                self.flush();
            }
        }
    }

    pub fn bind(
        &mut self,
        id: ParticipantId,
        slot: u16,
        generation: u32,
        source: Option<(u64, Track, u8)>,
    ) {
        let source = source.map(|(peer, track, layer)| Source { peer, track, layer });
        self.room.bind(
            id,
            &[Binding {
                slot,
                generation,
                source,
            }],
        );
        self.flush();
    }

    pub fn sent(&self, peer: u64) -> &[SentPacket] {
        &self.peers.0[&(peer as u32)].sent
    }

    /// What a peer was sent since the last call.
    pub fn take_sent(&mut self, peer: u64) -> Vec<SentPacket> {
        std::mem::take(&mut self.peers.0.get_mut(&(peer as u32)).unwrap().sent)
    }

    pub fn last_number(&self, peer: u64) -> u64 {
        self.peers.0[&(peer as u32)].last_number
    }

    /// Milliseconds from the start at which a publisher was asked for key frames of a layer.
    pub fn requests(&self, peer: u64, layer: u8) -> Vec<u64> {
        let requests = self.peers.0[&(peer as u32)]
            .key_frame_requests
            .iter()
            .filter(|(_, _, l)| *l == layer);
        requests
            .map(|(at, _, _)| (*at - self.start).as_millis() as u64)
            .collect()
    }

    pub fn refused(&self, reason: Refusal) -> u64 {
        self.room.counters().refused(reason)
    }

    pub fn events(&mut self) -> Vec<RoomEvent> {
        let mut events = Vec::new();
        self.room.drain_events(&mut events);
        events
    }
}

fn write_packet(buf: &mut Vec<u8>, packet: &Packet<'_>) {
    buf.clear();
    let extension = if packet.extensions.is_empty() {
        0x80
    } else {
        0x90
    };
    buf.extend_from_slice(&[extension, u8::from(packet.marker) << 7 | 96]);
    buf.extend_from_slice(&(packet.sequence as u16).to_be_bytes());
    buf.extend_from_slice(&packet.timestamp.to_be_bytes());
    buf.extend_from_slice(&packet.ssrc.to_be_bytes());
    if !packet.extensions.is_empty() {
        let mut elements = Vec::new();
        for (id, value) in packet.extensions {
            elements.push(id << 4 | (value.len() as u8 - 1));
            elements.extend_from_slice(value);
        }
        elements.resize(elements.len().next_multiple_of(4), 0);
        buf.extend_from_slice(&[0xBE, 0xDE, 0, (elements.len() / 4) as u8]);
        buf.extend_from_slice(&elements);
    }
    buf.extend_from_slice(packet.payload);
}

const KINDS: [ExtensionKind; 4] = [
    ExtensionKind::AudioLevel,
    ExtensionKind::VideoOrientation,
    ExtensionKind::PlayoutDelay,
    ExtensionKind::AbsCaptureTime,
];

fn codec(payload_type: u8, codec: Codec) -> CodecParameters {
    let clock_rate = if codec.is_audio() { 48_000 } else { 90_000 };
    CodecParameters {
        payload_type,
        codec,
        clock_rate,
        rtx_payload_type: (!codec.is_audio()).then_some(payload_type + 1),
    }
}

fn track(mid: &str, track: Track, rids: &[&str]) -> SendTrack {
    let video = [
        codec(96, Codec::Vp8),
        codec(100, Codec::Vp9),
        codec(102, Codec::H264),
        codec(104, Codec::Av1),
    ];
    let audio = [codec(111, Codec::Opus), codec(63, Codec::Red)];
    let codecs = if track == Track::Audio {
        audio.to_vec()
    } else {
        video.to_vec()
    };
    let extensions = (1..)
        .zip(KINDS)
        .map(|(id, kind)| ExtensionId {
            id,
            uri: kind.uri().to_owned(),
        })
        .collect();
    let rids = rids.iter().map(ToString::to_string).collect();
    SendTrack {
        mid: mid.to_owned(),
        track,
        codecs,
        rids,
        extensions,
        ssrcs: vec![],
    }
}

/// A session with audio, simulcast camera and screen to send, and so many slots to receive. Video slots take VP8 and
/// VP9 and have RTX; they come first.
pub fn session(video_slots: usize, audio_slots: usize) -> Session {
    let slot = |number: usize| {
        let is_video = number < video_slots;
        let video = vec![codec(96, Codec::Vp8), codec(100, Codec::Vp9)];
        ReceiveSlot {
            mid: format!("r{number}"),
            kind: if is_video { Kind::Video } else { Kind::Audio },
            ssrc: 5_000 + number as u32,
            rtx_ssrc: is_video.then_some(6_000 + number as u32),
            codecs: if is_video {
                video
            } else {
                vec![codec(111, Codec::Opus)]
            },
            extensions: vec![],
        }
    };
    let ice = |ufrag: &str| Credentials {
        ufrag: ufrag.to_owned(),
        pwd: "0123456789012345678901".to_owned(),
    };
    Session {
        local_ice: ice("serv"),
        remote_ice: ice("peer"),
        remote_fingerprint: vec!["AB"; 32].join(":"),
        dtls: DtlsVersion::V12,
        rights: Rights::ALL,
        sends: vec![
            track("0", Track::Audio, &[]),
            track("1", Track::Main, &["q", "h", "f"]),
            track("2", Track::Screen, &[]),
        ],
        slots: (0..video_slots + audio_slots).map(slot).collect(),
    }
}
