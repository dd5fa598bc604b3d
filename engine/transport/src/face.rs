// SPDX-License-Identifier: Apache-2.0
//! The seam between a peer's transport and the room: the trait and what crosses it.

use std::time::{Duration, Instant};

use ice::Path;

use crate::drops::DropReason;
use crate::egress::Egress;
use crate::session::{DtlsVersion, Rights, Session, SessionError};

/// The transport of one peer. It has no socket and no clock: datagrams and time are arguments.
///
/// **After any call, ask [`PeerTransport::deadline`] again and drain [`PeerTransport::poll_event`].**
pub trait PeerTransport {
    /// Takes one datagram (STUN, DTLS, SRTP or SRTCP). Media is decrypted in place: the offsets in [`RtpIn`] point
    /// into `buf`.
    fn on_datagram(
        &mut self,
        now: Instant,
        path: Path,
        buf: &mut [u8],
        tx: &mut Egress<'_>,
    ) -> Input;

    /// Writes one RTP packet into the egress slab: header of the slot, payload sealed from `payload` without a copy.
    fn send_rtp(
        &mut self,
        now: Instant,
        out: &OutgoingRtp<'_>,
        payload: &[u8],
        tx: &mut Egress<'_>,
    ) -> Sent;

    /// Tells how the slot's RTP clock runs, for sender reports; without it they say when packets were forwarded.
    /// The room takes it from [`PeerEvent::Clock`] of the slot's source, timestamp rewritten like the packets'.
    fn set_slot_clock(&mut self, slot: u16, clock: RtpClock);

    /// The source of a slot is gone: no more sender reports until the next packet.
    fn clear_slot(&mut self, slot: u16);

    /// Asks the publisher for a key frame of one layer; sent on the next [`PeerTransport::on_deadline`], which is then
    /// due at once. Throttling is the room's.
    fn request_key_frame(&mut self, now: Instant, track: u8, layer: u8);

    /// What the peer may send and receive from now on.
    fn set_rights(&mut self, rights: Rights);

    /// Takes a new session of the same peer: more tracks, more slots, or new ICE credentials (a restart).
    ///
    /// # Errors
    /// If the session is invalid or changes what must stay; the old one is then kept whole.
    fn update(&mut self, now: Instant, session: &Session) -> Result<(), SessionError>;

    /// Whether an authenticated check came over `path` lately: only then a shard may route by its address.
    fn knows(&self, path: &Path) -> bool;

    /// Whether media can be sent at this moment.
    fn is_connected(&self) -> bool;

    /// When [`PeerTransport::on_deadline`] wants to be called. `None` after the peer is closed.
    fn deadline(&self) -> Option<Instant>;

    /// Runs the timers that are due: DTLS, consent, reports, feedback, NACK.
    fn on_deadline(&mut self, now: Instant, tx: &mut Egress<'_>);

    /// The next event, if any.
    fn poll_event(&mut self) -> Option<PeerEvent>;

    /// Ends the association (DTLS `close_notify`). Emits no [`PeerEvent::Closed`]: the caller knows.
    fn close(&mut self, now: Instant, tx: &mut Egress<'_>);
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// A media packet to route.
    Rtp(RtpIn),
    /// Taken by the transport itself.
    Handled,
    /// Refused, and counted.
    Dropped(DropReason),
}

/// Part of the datagram buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u16,
    /// Number of bytes.
    pub len: u16,
}

impl Span {
    /// The bytes; empty if `buf` is not the buffer the span was made for.
    #[must_use]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.start);
        buf.get(start..start + usize::from(self.len))
            .unwrap_or_default()
    }
}

/// An authenticated, decrypted media packet of the peer. Offsets point into the datagram's buffer.
#[derive(Clone, Copy, Debug)]
pub struct RtpIn {
    /// Header as the original packet had it: of a retransmission (RTX) the original sequence number, SSRC and payload
    /// type, with the payload behind the two bytes of RTX.
    pub header: rtp::Header,
    /// Packet index of the source's SSRC, 48 bits (roll-over counter and sequence number).
    pub ext_sequence: u64,
    /// Index into [`Session::sends`].
    pub track: u8,
    /// Index into the track's `rids`; 0 without simulcast.
    pub layer: u8,
    /// What the payload is. An empty payload (padding only) has `info` at its default.
    pub codec: rtp::Codec,
    /// RTP clock of the codec, in Hz.
    pub clock_rate: u32,
    /// Whether it fills a hole that was asked for by NACK.
    pub repaired: bool,
    /// What the clear part of the payload says.
    pub info: rtp::PayloadInfo,
    /// RFC 6464 level, a routing hint only.
    pub audio_level: Option<rtp::AudioLevel>,
    /// The dependency descriptor's bytes.
    pub dependency_descriptor: Option<Span>,
}

/// A packet for one slot, as the room wants it seen.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRtp<'a> {
    /// Index into [`Session::slots`].
    pub slot: u16,
    /// Send as retransmission (RFC 4588) of the packet with this `ext_sequence`, on the slot's RTX SSRC.
    pub rtx: bool,
    /// What the payload is; the transport writes the slot's payload type for it.
    pub codec: rtp::Codec,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number as the slot sees it, counted over roll-overs. A slot's first must be below 65536, and none
    /// may be used twice except with `rtx`.
    pub ext_sequence: u64,
    /// RTP timestamp as the slot sees it.
    pub timestamp: u32,
    /// Header extensions to carry on; those the slot did not negotiate are left out.
    pub extensions: &'a [(rtp::ExtensionKind, &'a [u8])],
}

/// Bytes of the datagram that was written, or why none was.
pub type Sent = Result<usize, DropReason>;

/// A point where an RTP timestamp and the wall of time meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpClock {
    /// When the sample was captured. All tracks of one publisher share one (unknown, constant) error.
    pub at: Instant,
    /// Its RTP timestamp.
    pub timestamp: u32,
}

/// What a peer's transport tells the room and the shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PeerEvent {
    /// The handshake is done, the certificate is the one the offer named, media may flow.
    Connected {
        /// What protects the media.
        profile: srtp::Profile,
        /// 1.2 or 1.3.
        dtls: DtlsVersion,
    },
    /// The peer misses a packet of a slot.
    Nack {
        /// Index into [`Session::slots`].
        slot: u16,
        /// As given in [`OutgoingRtp::ext_sequence`].
        ext_sequence: u64,
    },
    /// The peer cannot decode a slot without a key frame (PLI or FIR).
    KeyFrameRequested {
        /// Index into [`Session::slots`].
        slot: u16,
    },
    /// What the peer reported about a slot (at most one per report block).
    Feedback {
        /// Index into [`Session::slots`].
        slot: u16,
        /// Packets lost since its last report, in 1/256.
        loss: u8,
        /// Round trip time, if it echoed one of our reports.
        rtt: Option<Duration>,
        /// Interarrival jitter, in units of the slot's RTP clock.
        jitter: u32,
    },
    /// A sender report of the publisher: for [`PeerTransport::set_slot_clock`] of the slots that show this layer.
    Clock {
        /// Index into [`Session::sends`].
        track: u8,
        /// Index into the track's `rids`.
        layer: u8,
        /// When which timestamp was captured.
        clock: RtpClock,
    },
    /// Media now goes over another path.
    PathChanged,
    /// The peer is gone; nothing is sent any more.
    Closed(CloseReason),
}

/// Why a peer was closed by its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// No answer to our Binding requests for 30 s (RFC 7675).
    ConsentLost,
    /// No authenticated path and no handshake within the time a join may take.
    HandshakeTimeout,
    /// The DTLS library gave up.
    DtlsFailed,
    /// The certificate is not the one whose fingerprint the offer named.
    FingerprintMismatch,
    /// DTLS agreed on no SRTP profile that we know.
    NoSrtpProfile,
    /// The peer said `close_notify`.
    ClosedByPeer,
}

impl CloseReason {
    /// The stable code, for events and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsentLost => "consent_lost",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::DtlsFailed => "dtls_failed",
            Self::FingerprintMismatch => "fingerprint_mismatch",
            Self::NoSrtpProfile => "no_srtp_profile",
            Self::ClosedByPeer => "closed_by_peer",
        }
    }
}
