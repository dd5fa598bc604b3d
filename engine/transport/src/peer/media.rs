// SPDX-License-Identifier: Apache-2.0
//! RTP in both directions.

use std::time::Instant;

use ice::Path;
use rtp::twcc::TwccRecorder;

use super::{Media, Peer, State};
use crate::drops::DropReason;
use crate::egress::Egress;
use crate::face::{OutgoingRtp, RtpIn, Sent, Span};
use crate::incoming::{Arrival, Binding, Payload};
use crate::outgoing::{Address, MAX_EXTENSIONS, Slot};
use crate::session::{Kind, Rights, Track};

/// Fixed header and head of the extension block.
const HEADER: usize = 12 + 4;
/// The original sequence number in front of a retransmitted payload (RFC 4588 section 4).
const OSN: usize = 2;

/// A decrypted packet and where it belongs.
struct Opened<'a> {
    plain: &'a [u8],
    header: rtp::Header,
    found: rtp::Found<'a>,
    index: u64,
    binding: Binding,
}

impl Peer {
    pub(super) fn on_rtp(
        &mut self,
        now: Instant,
        path: Path,
        buf: &mut [u8],
    ) -> Result<RtpIn, DropReason> {
        let media = self.media.as_mut().ok_or(DropReason::NotConnected)?;
        if self.agent.selected() != Some(path) && !self.agent.knows(&path) {
            return Err(DropReason::UnknownPath);
        }
        let header =
            rtp::Header::parse_unauthenticated(buf).map_err(|_| DropReason::MalformedRtp)?;
        let opened = media
            .receiver
            .open_rtp(header.header_len(), header.ssrc, header.sequence, buf)
            .map_err(srtp_reason)?;
        let plain = buf.get(..opened.len).ok_or(DropReason::MalformedRtp)?;
        let header = header
            .with_padding(plain)
            .map_err(|_| DropReason::MalformedRtp)?;
        let found = rtp::find(&header, plain, &self.incoming.extensions);
        if let Some(sequence) = found.twcc {
            self.arrivals
                .get_or_insert_with(|| TwccRecorder::new(now))
                .record(now, sequence);
            self.timers.packet_came(now);
        }
        let binding = self.bind(&header, &found, opened)?;
        let opened = Opened {
            plain,
            header,
            found,
            index: opened.index,
            binding,
        };
        if binding.rtx {
            self.on_retransmission(&opened)
        } else {
            self.on_media(now, &opened)
        }
    }

    /// Where the SSRC belongs, learned if it is new. A stream that another took the place of does not come back.
    fn bind(
        &mut self,
        header: &rtp::Header,
        found: &rtp::Found<'_>,
        opened: srtp::Opened,
    ) -> Result<Binding, DropReason> {
        if let Some(binding) = self.incoming.find(header.ssrc) {
            return Ok(binding);
        }
        if header.ssrc == 0 {
            return Err(DropReason::Probe);
        }
        if opened.known {
            return Err(DropReason::UnknownSsrc);
        }
        let media = self.media.as_mut().ok_or(DropReason::NotConnected)?;
        let binding = self
            .incoming
            .learn(header.ssrc, header.payload_type, found)?;
        media
            .receiver
            .add_stream(header.ssrc, opened.index)
            .map_err(srtp_reason)?;
        Ok(binding)
    }

    fn on_media(&mut self, now: Instant, opened: &Opened<'_>) -> Result<RtpIn, DropReason> {
        let layer = self
            .incoming
            .layers
            .get_mut(opened.binding.layer)
            .ok_or(DropReason::UnknownSsrc)?;
        let track = self
            .incoming
            .tracks
            .get(usize::from(layer.track))
            .ok_or(DropReason::UnknownSsrc)?;
        let Payload::Media { codec, clock_rate } = track.payload(opened.header.payload_type) else {
            return Err(DropReason::UnknownPayloadType);
        };
        layer
            .reception
            .on_packet(now, opened.index, opened.header.timestamp, clock_rate);
        let arrival = layer.repair.on_packet(now, opened.index);
        if arrival == Arrival::Late {
            // Its retransmission was faster; counted once, as received.
            layer.repaired = layer.repaired.saturating_sub(1);
        }
        if layer.repair.take_overflow() {
            layer.key_frame_wanted = true;
            self.timers.ask_key_frame(now);
        }
        may_send(self.rights, track.track)?;
        let (number, layer) = (layer.track, layer.layer);
        match arrival {
            Arrival::Late => Err(DropReason::Late),
            Arrival::Fresh => describe(
                opened,
                opened.header,
                opened.index,
                (number, layer),
                (codec, clock_rate),
                false,
            ),
            Arrival::Filled { asked } => describe(
                opened,
                opened.header,
                opened.index,
                (number, layer),
                (codec, clock_rate),
                asked,
            ),
        }
    }

    /// A retransmission counts only if it fills a hole: browsers probe the path with copies nobody asked for.
    fn on_retransmission(&mut self, opened: &Opened<'_>) -> Result<RtpIn, DropReason> {
        let layer = self
            .incoming
            .layers
            .get_mut(opened.binding.layer)
            .ok_or(DropReason::UnknownSsrc)?;
        let track = self
            .incoming
            .tracks
            .get(usize::from(layer.track))
            .ok_or(DropReason::UnknownSsrc)?;
        let Payload::Rtx { original } = track.payload(opened.header.payload_type) else {
            return Err(DropReason::UnknownPayloadType);
        };
        let Payload::Media { codec, clock_rate } = track.payload(original) else {
            return Err(DropReason::UnknownPayloadType);
        };
        may_send(self.rights, track.track)?;
        let (osn, mut header) =
            rtp::rtx::unwrap(&opened.header, opened.plain).map_err(|_| DropReason::Probe)?;
        let (index, arrival) = layer
            .repair
            .on_retransmission(osn)
            .ok_or(DropReason::Probe)?;
        layer.repaired += 1;
        let ssrc = layer.ssrc.ok_or(DropReason::Probe)?;
        (header.sequence, header.ssrc, header.payload_type) = (osn, ssrc, original);
        let asked = arrival == Arrival::Filled { asked: true };
        describe(
            opened,
            header,
            index,
            (layer.track, layer.layer),
            (codec, clock_rate),
            asked,
        )
    }

    pub(super) fn write_rtp(
        &mut self,
        now: Instant,
        out: &OutgoingRtp<'_>,
        payload: &[u8],
        tx: &mut Egress<'_>,
    ) -> Sent {
        if self.state == State::Closed {
            return Err(DropReason::Closed);
        }
        let media = self.media.as_mut().ok_or(DropReason::NotConnected)?;
        let path = self.agent.selected().ok_or(DropReason::NoPath)?;
        let slot = self
            .slots
            .get_mut(usize::from(out.slot))
            .ok_or(DropReason::UnknownSlot)?;
        may_receive(self.rights, slot.kind)?;
        let address = slot.address(out)?;
        let written = write(media, slot, &address, out, payload, path, tx)?;
        tx.commit(written);
        slot.on_sent(now, out, &address, payload.len());
        Ok(written)
    }
}

/// Writes header, ciphertext and tag to the egress slab; the datagram's length.
fn write(
    media: &mut Media,
    slot: &Slot,
    address: &Address,
    out: &OutgoingRtp<'_>,
    payload: &[u8],
    path: Path,
    tx: &mut Egress<'_>,
) -> Sent {
    let mut extensions: [(u8, &[u8]); MAX_EXTENSIONS] = [(0, &[]); MAX_EXTENSIONS];
    let (mut count, mut extension_bytes) = (0, 0);
    let wanted = out
        .extensions
        .iter()
        .filter_map(|(kind, value)| Some((slot.extension_id(*kind)?, *value)));
    for (extension, place) in wanted.zip(&mut extensions) {
        extension_bytes += 2 + extension.1.len();
        *place = extension;
        count += 1;
    }
    let most = HEADER
        + extension_bytes.next_multiple_of(4)
        + OSN
        + payload.len()
        + media.sender.profile().tag_len();
    let (space, scratch) = tx
        .reserve_with_scratch(path, most)
        .ok_or(DropReason::TooLarge)?;
    let writer = rtp::HeaderWriter {
        marker: out.marker,
        payload_type: address.payload_type,
        sequence: low_16(address.ext_sequence),
        timestamp: out.timestamp,
        ssrc: address.ssrc,
        extensions: extensions.get(..count).unwrap_or_default(),
    };
    let header_len = writer
        .write(space)
        .map_err(|_| DropReason::HeaderOverflow)?;
    let (header, body) = space
        .split_at_mut_checked(header_len)
        .ok_or(DropReason::HeaderOverflow)?;
    let plain = if out.rtx {
        with_osn(scratch, out.ext_sequence, payload).ok_or(DropReason::TooLarge)?
    } else {
        payload
    };
    let sealed = media
        .sender
        .seal_rtp(address.stream, header, address.ext_sequence, plain, body)
        .map_err(srtp_reason)?;
    Ok(header_len + sealed)
}

/// The payload of a retransmission (RFC 4588 section 4).
fn with_osn<'a>(scratch: &'a mut [u8], ext_sequence: u64, payload: &[u8]) -> Option<&'a [u8]> {
    let (osn, rest) = scratch.split_first_chunk_mut::<OSN>()?;
    *osn = low_16(ext_sequence).to_be_bytes();
    rest.get_mut(..payload.len())?.copy_from_slice(payload);
    scratch.get(..OSN + payload.len())
}

fn describe(
    opened: &Opened<'_>,
    header: rtp::Header,
    ext_sequence: u64,
    (track, layer): (u8, u8),
    (codec, clock_rate): (rtp::Codec, u32),
    repaired: bool,
) -> Result<RtpIn, DropReason> {
    let payload = header.payload(opened.plain);
    let info = if payload.is_empty() {
        rtp::PayloadInfo::default()
    } else {
        rtp::inspect(codec, payload).map_err(|_| DropReason::MalformedPayload)?
    };
    Ok(RtpIn {
        header,
        ext_sequence,
        track,
        layer,
        codec,
        clock_rate,
        repaired,
        info,
        audio_level: opened.found.audio_level,
        dependency_descriptor: opened
            .found
            .dependency_descriptor
            .and_then(|part| span(opened.plain, part)),
    })
}

/// Where `part` lies in `whole`, of which it is a slice.
fn span(whole: &[u8], part: &[u8]) -> Option<Span> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let (start, len) = (u16::try_from(start).ok()?, u16::try_from(part.len()).ok()?);
    Some(Span { start, len })
}

const fn may_send(rights: Rights, track: Track) -> Result<(), DropReason> {
    if rights.contains(track.send_right()) {
        return Ok(());
    }
    Err(match track {
        Track::Audio => DropReason::NoRightSendAudio,
        Track::Main => DropReason::NoRightSendVideo,
        Track::Screen => DropReason::NoRightSendScreen,
    })
}

/// The second lock: which of the two video rights a packet takes is known to the room, which binds the slot.
const fn may_receive(rights: Rights, kind: Kind) -> Result<(), DropReason> {
    match kind {
        Kind::Audio if !rights.contains(Rights::RECEIVE_AUDIO) => {
            Err(DropReason::NoRightReceiveAudio)
        }
        Kind::Video
            if !rights.contains(Rights::RECEIVE_VIDEO)
                && !rights.contains(Rights::RECEIVE_SCREEN) =>
        {
            Err(DropReason::NoRightReceiveVideo)
        }
        _ => Ok(()),
    }
}

pub(super) const fn srtp_reason(error: srtp::Error) -> DropReason {
    match error {
        srtp::Error::Malformed => DropReason::MalformedRtp,
        srtp::Error::AuthFailed | srtp::Error::NotEncrypted | srtp::Error::BadKey => {
            DropReason::AuthFailed
        }
        srtp::Error::Replay => DropReason::Replay,
        srtp::Error::NonceReuse => DropReason::NonceReuse,
        srtp::Error::TooManyStreams => DropReason::TooManyStreams,
        srtp::Error::UnknownStream => DropReason::UnknownSsrc,
        srtp::Error::KeyExhausted => DropReason::NonceReuse,
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn low_16(value: u64) -> u16 {
    value as u16
}
