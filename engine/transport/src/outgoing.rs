// SPDX-License-Identifier: Apache-2.0
//! What the peer receives: the slots and their streams.

use std::time::{Duration, Instant};

use srtp::{Sender, StreamId};

use crate::drops::DropReason;
use crate::face::{OutgoingRtp, RtpClock};
use crate::measures::{SlotReport, SlotSent, from_ticks};
use crate::session::{Kind, ReceiveSlot};

/// How old a clock given by the room may be; after that the time of forwarding is the better guess.
const CLOCK_LIFE: Duration = Duration::from_secs(30);
/// Extensions written to one packet at most.
pub(crate) const MAX_EXTENSIONS: usize = 12;

/// One slot and what was sent over it.
pub(crate) struct Slot {
    mid: Box<str>,
    pub(crate) ssrc: u32,
    rtx_ssrc: Option<u32>,
    pub(crate) kind: Kind,
    payloads: Vec<SlotPayload>,
    extensions: rtp::ExtensionMap,
    streams: Option<Streams>,
    rtx_sequence: u64,
    highest: Option<u64>,
    packets: u64,
    octets: u64,
    reported_packets: u64,
    nacked: u64,
    key_frames_asked: u64,
    /// What the peer's latest report says of the slot.
    report: Option<rtp::rtcp::ReportBlock>,
    clock_rate: u32,
    given_clock: Option<RtpClock>,
    sent_clock: Option<RtpClock>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct SlotPayload {
    codec: rtp::Codec,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    clock_rate: u32,
}

/// The slot's places in the SRTP sender.
#[derive(Clone, Copy)]
struct Streams {
    media: StreamId,
    rtx: Option<StreamId>,
}

/// How one packet is addressed.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    pub(crate) stream: StreamId,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) ext_sequence: u64,
    clock_rate: u32,
}

impl Slot {
    pub(crate) fn new(slot: &ReceiveSlot) -> Self {
        let mut extensions = rtp::ExtensionMap::default();
        for extension in &slot.extensions {
            if let Some(kind) = rtp::ExtensionKind::from_uri(&extension.uri) {
                extensions.set(extension.id, kind);
            }
        }
        let payloads = slot.codecs.iter().map(|codec| SlotPayload {
            codec: codec.codec,
            payload_type: codec.payload_type,
            rtx_payload_type: codec.rtx_payload_type,
            clock_rate: codec.clock_rate,
        });
        Self {
            mid: slot.mid.as_str().into(),
            ssrc: slot.ssrc,
            rtx_ssrc: slot.rtx_ssrc,
            kind: slot.kind,
            payloads: payloads.collect(),
            extensions,
            streams: None,
            rtx_sequence: 0,
            highest: None,
            packets: 0,
            octets: 0,
            reported_packets: 0,
            nacked: 0,
            key_frames_asked: 0,
            report: None,
            clock_rate: 0,
            given_clock: None,
            sent_clock: None,
        }
    }

    /// Whether a new session describes the same slot.
    pub(crate) fn is_continued_by(&self, slot: &ReceiveSlot) -> bool {
        let new = Self::new(slot);
        let same_id = |kind| self.extensions.id_of(kind) == new.extensions.id_of(kind);
        self.mid == new.mid
            && (self.ssrc, self.rtx_ssrc, self.kind) == (new.ssrc, new.rtx_ssrc, new.kind)
            && self.payloads == new.payloads
            && slot
                .extensions
                .iter()
                .filter_map(|e| rtp::ExtensionKind::from_uri(&e.uri))
                .all(same_id)
    }

    /// Gives the slot its streams, once the keys are there.
    pub(crate) fn attach(&mut self, sender: &mut Sender) -> Result<(), srtp::Error> {
        if self.streams.is_none() {
            let media = sender.add_stream(self.ssrc)?;
            let rtx = self
                .rtx_ssrc
                .map(|ssrc| sender.add_stream(ssrc))
                .transpose()?;
            self.streams = Some(Streams { media, rtx });
        }
        Ok(())
    }

    /// Where a packet goes; changes nothing but the retransmission stream's own counter.
    pub(crate) fn address(&mut self, out: &OutgoingRtp<'_>) -> Result<Address, DropReason> {
        let streams = self.streams.ok_or(DropReason::NotConnected)?;
        let payload = self
            .payloads
            .iter()
            .find(|payload| payload.codec == out.codec);
        let payload = *payload.ok_or(DropReason::CodecNotNegotiated)?;
        let clock_rate = payload.clock_rate;
        if !out.rtx {
            let (stream, payload_type) = (streams.media, payload.payload_type);
            return Ok(Address {
                stream,
                ssrc: self.ssrc,
                payload_type,
                ext_sequence: out.ext_sequence,
                clock_rate,
            });
        }
        let rtx = (streams.rtx, self.rtx_ssrc, payload.rtx_payload_type);
        let (Some(stream), Some(ssrc), Some(payload_type)) = rtx else {
            return Err(DropReason::NoRetransmission);
        };
        let ext_sequence = self.rtx_sequence;
        self.rtx_sequence += 1;
        Ok(Address {
            stream,
            ssrc,
            payload_type,
            ext_sequence,
            clock_rate,
        })
    }

    /// The id an extension has in this slot.
    pub(crate) fn extension_id(&self, kind: rtp::ExtensionKind) -> Option<u8> {
        self.extensions.id_of(kind)
    }

    /// Counts a packet of the media stream that was sent.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        out: &OutgoingRtp<'_>,
        address: &Address,
        payload: usize,
    ) {
        if out.rtx {
            return;
        }
        self.highest = self.highest.max(Some(out.ext_sequence));
        self.packets += 1;
        self.octets += payload as u64;
        self.clock_rate = address.clock_rate;
        if self
            .sent_clock
            .is_none_or(|clock| clock.timestamp != out.timestamp)
        {
            self.sent_clock = Some(RtpClock {
                at: now,
                timestamp: out.timestamp,
            });
        }
    }

    pub(crate) fn set_clock(&mut self, clock: RtpClock) {
        self.given_clock = Some(clock);
    }

    pub(crate) fn clear(&mut self) {
        self.given_clock = None;
        self.sent_clock = None;
        self.reported_packets = self.packets;
    }

    /// The peer reported how the slot's stream arrives.
    pub(crate) fn on_report(&mut self, block: &rtp::rtcp::ReportBlock) {
        self.report = Some(*block);
    }

    /// The peer cannot go on without a key frame.
    pub(crate) const fn on_key_frame_request(&mut self) {
        self.key_frames_asked += 1;
    }

    /// The peer misses a packet: its index, if it was sent.
    pub(crate) fn on_nack(&mut self, sequence: u16) -> Option<u64> {
        let index = self.index_of(sequence)?;
        self.nacked += 1;
        Some(index)
    }

    /// What was sent so far, and what the peer says of it.
    pub(crate) fn sent(&self) -> SlotSent {
        let report = self.report.map(|block| SlotReport {
            lost: block.cumulative_lost,
            fraction_lost: block.fraction_lost,
            jitter: from_ticks(u64::from(block.jitter), self.clock_rate),
        });
        SlotSent {
            packets: self.packets,
            payload_bytes: self.octets,
            resent: self.rtx_sequence,
            nacked: self.nacked,
            key_frames_asked: self.key_frames_asked,
            report,
        }
    }

    /// The index of a sequence number the peer asks for, if it was sent.
    pub(crate) fn index_of(&self, sequence: u16) -> Option<u64> {
        let highest = self.highest?;
        let behind = u64::from(low_16(highest).wrapping_sub(sequence));
        highest.checked_sub(behind).filter(|_| behind < 0x8000)
    }

    /// What a sender report says now, if anything was sent since the last.
    pub(crate) fn report(&mut self, now: Instant, ntp: u64) -> Option<rtp::rtcp::SenderInfo> {
        if self.packets == self.reported_packets {
            return None;
        }
        let fresh = self
            .given_clock
            .filter(|clock| now.saturating_duration_since(clock.at) < CLOCK_LIFE);
        let clock = fresh.or(self.sent_clock)?;
        self.reported_packets = self.packets;
        let since = now.saturating_duration_since(clock.at).as_micros();
        let ticks = since * u128::from(self.clock_rate) / 1_000_000;
        Some(rtp::rtcp::SenderInfo {
            ssrc: self.ssrc,
            ntp,
            rtp_timestamp: clock
                .timestamp
                .wrapping_add(u32::try_from(ticks & 0xffff_ffff).unwrap_or(0)),
            packets: low_32(self.packets),
            octets: low_32(self.octets),
        })
    }
}

/// Counts of sender reports wrap (RFC 3550 section 6.4.1).
#[allow(clippy::cast_possible_truncation)]
const fn low_32(value: u64) -> u32 {
    value as u32
}

#[allow(clippy::cast_possible_truncation)]
const fn low_16(value: u64) -> u16 {
    value as u16
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
