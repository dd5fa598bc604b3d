// SPDX-License-Identifier: Apache-2.0
//! What the peer sends: which SSRC is which track and layer, and how well it arrives.

use std::time::Instant;

use crate::drops::DropReason;
use crate::measures::Received;
use crate::session::{CodecParameters, Kind, SendTrack, Session, Track};

mod reception;
mod repair;
mod source_clock;

pub(crate) use reception::{Reception, Tally};
pub(crate) use repair::{Arrival, Repair};
pub(crate) use source_clock::SourceClock;

/// SSRCs that are mapped at a time; a new one of the same layer takes the place of the old.
const MAX_BINDINGS: usize = 64;

/// All tracks of one peer.
pub(crate) struct Incoming {
    pub(crate) tracks: Vec<IncomingTrack>,
    pub(crate) layers: Vec<Layer>,
    bindings: Vec<Binding>,
    pub(crate) extensions: rtp::ExtensionMap,
}

pub(crate) struct IncomingTrack {
    mid: Box<str>,
    pub(crate) track: Track,
    rids: Vec<Box<str>>,
    payloads: Box<[Payload; 128]>,
    hints: Vec<u32>,
    /// Place of its lowest layer in [`Incoming::layers`].
    first_layer: usize,
}

/// What a payload type means for one track.
#[derive(Clone, Copy)]
pub(crate) enum Payload {
    Unknown,
    Media {
        codec: rtp::Codec,
        clock_rate: u32,
    },
    /// Retransmissions of another payload type.
    Rtx {
        original: u8,
    },
}

/// One layer of one track.
pub(crate) struct Layer {
    pub(crate) track: u8,
    pub(crate) layer: u8,
    /// SSRC of its media, once known.
    pub(crate) ssrc: Option<u32>,
    pub(crate) reception: Reception,
    /// Packets of the SSRCs it had before.
    before: Tally,
    /// Packets that came only by retransmission.
    pub(crate) repaired: u64,
    pub(crate) repair: Repair,
    pub(crate) key_frame_wanted: bool,
}

impl Layer {
    /// What came so far; `None` before the first packet.
    pub(crate) fn received(&self) -> Option<Received> {
        let tally = self.before + self.reception.tally();
        (tally.expected > 0).then(|| Received {
            expected: tally.expected,
            lost: tally
                .expected
                .saturating_sub(tally.received + self.repaired),
            repaired: self.repaired,
            jitter: self.reception.jitter(),
        })
    }

    /// Begins with a new SSRC.
    fn follow(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
        self.before = self.before + self.reception.tally();
        self.reception = Reception::new();
        self.repair.reset();
    }
}

/// Where an SSRC belongs.
#[derive(Clone, Copy)]
pub(crate) struct Binding {
    ssrc: u32,
    /// Place in [`Incoming::layers`].
    pub(crate) layer: usize,
    pub(crate) rtx: bool,
}

impl Incoming {
    /// The tracks of a valid session.
    pub(crate) fn new(session: &Session) -> Self {
        let mut incoming = Self {
            tracks: Vec::new(),
            layers: Vec::new(),
            bindings: Vec::new(),
            extensions: rtp::ExtensionMap::default(),
        };
        incoming.update(session);
        incoming
    }

    /// Adds what a session has more than the last; payload types, hints and extensions are taken anew.
    pub(crate) fn update(&mut self, session: &Session) {
        self.extensions = rtp::ExtensionMap::default();
        for (index, send) in session.sends.iter().enumerate() {
            for extension in &send.extensions {
                if let Some(kind) = rtp::ExtensionKind::from_uri(&extension.uri) {
                    self.extensions.set(extension.id, kind);
                }
            }
            let first_layer = match self.tracks.get(index) {
                Some(known) => known.first_layer,
                None => self.add_layers(index, send.rids.len().max(1), send.track.kind()),
            };
            let track = IncomingTrack {
                mid: send.mid.as_str().into(),
                track: send.track,
                rids: send.rids.iter().map(|rid| rid.as_str().into()).collect(),
                payloads: payload_table(&send.codecs),
                hints: send.ssrcs.clone(),
                first_layer,
            };
            match self.tracks.get_mut(index) {
                Some(place) => *place = track,
                None => self.tracks.push(track),
            }
        }
    }

    /// Whether these tracks begin with the known ones, unchanged in what makes them.
    pub(crate) fn is_continued_by(&self, sends: &[SendTrack]) -> bool {
        let same = |(track, send): (&IncomingTrack, &SendTrack)| {
            let rids = track
                .rids
                .iter()
                .map(AsRef::as_ref)
                .eq(send.rids.iter().map(String::as_str));
            *track.mid == *send.mid && track.track == send.track && rids
        };
        self.tracks.len() <= sends.len() && self.tracks.iter().zip(sends).all(same)
    }

    fn add_layers(&mut self, track: usize, count: usize, kind: Kind) -> usize {
        let first = self.layers.len();
        for layer in 0..count {
            self.layers.push(Layer {
                track: u8::try_from(track).unwrap_or(u8::MAX),
                layer: u8::try_from(layer).unwrap_or(u8::MAX),
                ssrc: None,
                reception: Reception::new(),
                before: Tally::default(),
                repaired: 0,
                repair: Repair::new(kind == Kind::Video),
                key_frame_wanted: false,
            });
        }
        first
    }

    /// The binding of a known SSRC.
    pub(crate) fn find(&self, ssrc: u32) -> Option<Binding> {
        self.bindings
            .iter()
            .find(|binding| binding.ssrc == ssrc)
            .copied()
    }

    /// Learns where a new SSRC belongs, from the extensions of an authentic packet, the offer's hints or a payload type
    /// that only one track uses. Browsers send MID and RID only at first, so the answer is kept.
    pub(crate) fn learn(
        &mut self,
        ssrc: u32,
        payload_type: u8,
        found: &rtp::Found<'_>,
    ) -> Result<Binding, DropReason> {
        let track = self.track_of(ssrc, payload_type, found)?;
        let rtx = match track.payload(payload_type) {
            Payload::Unknown => return Err(DropReason::UnknownPayloadType),
            Payload::Media { .. } => false,
            Payload::Rtx { .. } => true,
        };
        let layer = track
            .layer_of(ssrc, rtx, found)
            .ok_or(DropReason::UnknownSsrc)?;
        let binding = Binding {
            ssrc,
            layer: track.first_layer + layer,
            rtx,
        };
        self.bindings
            .retain(|old| old.layer != binding.layer || old.rtx != rtx);
        if self.bindings.len() >= MAX_BINDINGS {
            return Err(DropReason::TooManyStreams);
        }
        self.bindings.push(binding);
        if let Some(layer) = self.layers.get_mut(binding.layer).filter(|_| !rtx) {
            layer.follow(ssrc);
        }
        Ok(binding)
    }

    fn track_of(
        &self,
        ssrc: u32,
        payload_type: u8,
        found: &rtp::Found<'_>,
    ) -> Result<&IncomingTrack, DropReason> {
        if let Some(mid) = found.mid {
            let named = self.tracks.iter().find(|track| track.mid.as_bytes() == mid);
            return named.ok_or(DropReason::UnknownSsrc);
        }
        if let Some(hinted) = self.tracks.iter().find(|track| track.hints.contains(&ssrc)) {
            return Ok(hinted);
        }
        let uses =
            |track: &&IncomingTrack| !matches!(track.payload(payload_type), Payload::Unknown);
        let mut candidates = self.tracks.iter().filter(uses);
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(DropReason::UnknownSsrc),
        }
    }

    /// An SSRC of the peer, as feedback on all of them has to name one.
    pub(crate) fn any_ssrc(&self) -> u32 {
        self.bindings.first().map_or(0, |binding| binding.ssrc)
    }

    /// When the next NACK is due.
    pub(crate) fn nack_due(&self) -> Option<Instant> {
        self.layers
            .iter()
            .filter_map(|layer| layer.repair.due())
            .min()
    }
}

impl IncomingTrack {
    pub(crate) fn payload(&self, payload_type: u8) -> Payload {
        self.payloads
            .get(usize::from(payload_type))
            .copied()
            .unwrap_or(Payload::Unknown)
    }

    /// Without simulcast there is one layer. With it the RID (of a retransmission: the repaired RID) names the layer,
    /// or a hint whose place in the offer does.
    fn layer_of(&self, ssrc: u32, rtx: bool, found: &rtp::Found<'_>) -> Option<usize> {
        if self.rids.is_empty() {
            return Some(0);
        }
        let name = if rtx {
            found.repaired_rid.or(found.rid)
        } else {
            found.rid
        };
        match name {
            Some(name) => self.rids.iter().position(|rid| rid.as_bytes() == name),
            None if !rtx && self.hints.len() == self.rids.len() => {
                self.hints.iter().position(|hint| *hint == ssrc)
            }
            None => None,
        }
    }
}

fn payload_table(codecs: &[CodecParameters]) -> Box<[Payload; 128]> {
    let mut table = Box::new([Payload::Unknown; 128]);
    for codec in codecs {
        let media = Payload::Media {
            codec: codec.codec,
            clock_rate: codec.clock_rate,
        };
        let rtx = codec.rtx_payload_type.map(|pt| {
            (
                pt,
                Payload::Rtx {
                    original: codec.payload_type,
                },
            )
        });
        for (payload_type, meaning) in [(codec.payload_type, media)].into_iter().chain(rtx) {
            if let Some(place) = table.get_mut(usize::from(payload_type)) {
                *place = meaning;
            }
        }
    }
    table
}
