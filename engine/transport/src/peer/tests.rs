// SPDX-License-Identifier: Apache-2.0
//! A peer against a browser's half of the protocols, in virtual time.

mod browser;
mod connect;
mod hostile;
mod measures;
mod receive;
mod send;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ice::Path;

pub(super) use browser::{Browser, PWD_BROWSER, PWD_SERVER};

use crate::session::{
    CodecParameters, Credentials, DtlsVersion, ExtensionId, Kind, ReceiveSlot, Rights, SendTrack,
    Session, Track,
};
use crate::{DtlsIdentity, Egress, Input, Peer, PeerEvent, PeerTransport, Slab, Transmit};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const AUDIO_PT: u8 = 111;
pub(super) const VIDEO_PT: u8 = 96;
pub(super) const RTX_PT: u8 = 97;
/// Ids of the extensions in the tests' session.
pub(super) const MID: u8 = 1;
pub(super) const TWCC: u8 = 2;
pub(super) const RID: u8 = 3;
pub(super) const RRID: u8 = 4;
pub(super) const LEVEL: u8 = 5;

pub(super) fn identity() -> &'static Arc<DtlsIdentity> {
    static IDENTITY: OnceLock<Arc<DtlsIdentity>> = OnceLock::new();
    IDENTITY.get_or_init(|| Arc::new(DtlsIdentity::generate().unwrap()))
}

pub(super) fn path(port: u16) -> Path {
    Path::new(
        "192.0.2.1:5000".parse().unwrap(),
        format!("198.51.100.7:{port}").parse().unwrap(),
    )
}

fn codec(payload_type: u8, codec: rtp::Codec, rtx: Option<u8>) -> CodecParameters {
    let clock_rate = if codec == rtp::Codec::Opus {
        48_000
    } else {
        90_000
    };
    CodecParameters {
        payload_type,
        codec,
        clock_rate,
        rtx_payload_type: rtx,
    }
}

fn extensions() -> Vec<ExtensionId> {
    let kinds = [
        (MID, rtp::ExtensionKind::Mid),
        (TWCC, rtp::ExtensionKind::TransportWideCc),
        (RID, rtp::ExtensionKind::Rid),
        (RRID, rtp::ExtensionKind::RepairedRid),
        (LEVEL, rtp::ExtensionKind::AudioLevel),
    ];
    kinds
        .map(|(id, kind)| ExtensionId {
            id,
            uri: kind.uri().into(),
        })
        .into()
}

pub(super) fn session(fingerprint: &str, dtls: DtlsVersion) -> Session {
    let send = |mid: &str, track, codec, rids: &[&str]| SendTrack {
        mid: mid.into(),
        track,
        codecs: vec![codec],
        rids: rids.iter().map(|rid| (*rid).into()).collect(),
        extensions: extensions(),
        ssrcs: vec![],
    };
    let video = codec(VIDEO_PT, rtp::Codec::Vp8, Some(RTX_PT));
    let slot = |mid: &str, kind, ssrc, rtx_ssrc, codec| ReceiveSlot {
        mid: mid.into(),
        kind,
        ssrc,
        rtx_ssrc,
        codecs: vec![codec],
        extensions: extensions(),
    };
    Session {
        local_ice: Credentials {
            ufrag: "srv0".into(),
            pwd: PWD_SERVER.into(),
        },
        remote_ice: Credentials {
            ufrag: "brw0".into(),
            pwd: PWD_BROWSER.into(),
        },
        remote_fingerprint: fingerprint.into(),
        dtls,
        rights: Rights::ALL,
        sends: vec![
            send(
                "0",
                Track::Audio,
                codec(AUDIO_PT, rtp::Codec::Opus, None),
                &[],
            ),
            send("1", Track::Main, video, &["q", "h", "f"]),
            send("2", Track::Screen, video, &[]),
        ],
        slots: vec![
            slot(
                "3",
                Kind::Audio,
                3_000,
                None,
                codec(AUDIO_PT, rtp::Codec::Opus, None),
            ),
            slot("4", Kind::Video, 4_000, Some(4_001), video),
        ],
    }
}

/// Datagrams the peer sent.
#[derive(Default)]
pub(super) struct Wire(pub(super) Vec<(Path, Vec<u8>)>);

impl Transmit for Wire {
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
        self.0.extend(
            contents
                .chunks(segment_size)
                .map(|datagram| (path, datagram.to_vec())),
        );
    }
}

/// A peer and its browser.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) peer: Peer,
    pub(super) browser: Browser,
    pub(super) session: Session,
    pub(super) slab: Slab,
    pub(super) wire: Wire,
    pub(super) events: Vec<PeerEvent>,
    pub(super) path: Path,
}

impl World {
    pub(super) fn new(dtls: DtlsVersion) -> Self {
        let now = Instant::now();
        let browser = Browser::new(now, dtls);
        let session = session(&browser.fingerprint, dtls);
        Self::with(now, browser, session)
    }

    pub(super) fn with(now: Instant, browser: Browser, session: Session) -> Self {
        let peer = Peer::new(now, &session, identity(), &[7; 32]).unwrap();
        let (slab, wire, events, path) = (Slab::new(), Wire::default(), Vec::new(), path(1));
        Self {
            now,
            peer,
            browser,
            session,
            slab,
            wire,
            events,
            path,
        }
    }

    pub(super) fn connected() -> Self {
        let mut world = Self::new(DtlsVersion::V12);
        world.connect();
        assert!(world.peer.is_connected());
        world.events.clear();
        world
    }

    /// Checks, handshake, keys.
    pub(super) fn connect(&mut self) {
        let check = self.browser.check(true);
        self.give(self.path, check);
        self.settle(self.path);
        self.browser.start(self.now);
        self.settle(self.path);
    }

    /// One datagram to the peer.
    pub(super) fn give(&mut self, path: Path, datagram: Vec<u8>) -> Input {
        let mut buf = datagram;
        self.give_in_place(path, &mut buf)
    }

    pub(super) fn give_in_place(&mut self, path: Path, buf: &mut [u8]) -> Input {
        let mut tx = Egress::new(&mut self.slab, &mut self.wire);
        let input = self.peer.on_datagram(self.now, path, buf, &mut tx);
        drop(tx);
        self.collect();
        input
    }

    /// Lets both talk until nobody has more to say.
    pub(super) fn settle(&mut self, path: Path) {
        loop {
            for (to, datagram) in std::mem::take(&mut self.wire.0) {
                if to == path {
                    self.browser.take(self.now, &datagram);
                }
            }
            let answers = self.browser.drain();
            if answers.is_empty() && self.wire.0.is_empty() {
                return;
            }
            for datagram in answers {
                self.give(path, datagram);
            }
        }
    }

    /// Time passes: the peer's timers run as they fall due, the browser answers.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.peer.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.run_timers();
            self.settle(self.path);
        }
        self.now = end;
    }

    pub(super) fn run_timers(&mut self) {
        let mut tx = Egress::new(&mut self.slab, &mut self.wire);
        self.peer.on_deadline(self.now, &mut tx);
        drop(tx);
        self.collect();
    }

    fn collect(&mut self) {
        self.events
            .extend(std::iter::from_fn(|| self.peer.poll_event()));
    }

    pub(super) fn drops(&self, reason: crate::DropReason) -> u64 {
        self.peer.drops().get(reason)
    }
}
