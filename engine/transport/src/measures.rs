// SPDX-License-Identifier: Apache-2.0
//! What a peer's transport counted, as numbers: taken at control rate, counted with the packet.

use std::time::Duration;

/// How long a packet and its answer take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// There and back.
    pub time: Duration,
    /// Who measured it.
    pub source: RoundTripSource,
}

/// What a round trip time was measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundTripSource {
    /// A receiver report that echoed one of our sender reports (RFC 3550 section 6.4.1), of the last seconds.
    Rtcp,
    /// The answer to one of our consent checks (RFC 7675).
    Stun,
}

/// What came of one layer that the peer sends, over all its SSRCs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Packets by sequence number, from the first that came to the highest (RFC 3550 appendix A.3).
    pub expected: u64,
    /// Those of them that did not come, nor again on NACK; of the last second some may still come.
    pub lost: u64,
    /// Those that came only by retransmission: before repair `lost + repaired` were missing.
    pub repaired: u64,
    /// Interarrival jitter (RFC 3550 appendix A.8).
    pub jitter: Duration,
}

/// What was sent in one slot, and what the peer says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotSent {
    /// Packets, each once.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Packets sent again on NACK.
    pub resent: u64,
    /// Packets that the peer asked for again.
    pub nacked: u64,
    /// Key frames that it asked for (PLI and FIR).
    pub key_frames_asked: u64,
    /// Its latest receiver report.
    pub report: Option<SlotReport>,
}

/// A receiver report about one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotReport {
    /// Packets lost in all; late and doubled ones make it smaller, even negative.
    pub lost: i32,
    /// Packets lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Interarrival jitter.
    pub jitter: Duration,
}

/// So many ticks of an RTP clock.
pub(crate) fn from_ticks(ticks: u64, clock_rate: u32) -> Duration {
    let micros = ticks
        .saturating_mul(1_000_000)
        .checked_div(u64::from(clock_rate));
    Duration::from_micros(micros.unwrap_or(0))
}
