// SPDX-License-Identifier: Apache-2.0
//! Loss and jitter of one SSRC (RFC 3550 appendix A).

use std::ops::Add;
use std::time::{Duration, Instant};

use crate::measures::from_ticks;

/// Packets of one SSRC, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// By sequence number.
    pub(crate) expected: u64,
    /// Without retransmissions.
    pub(crate) received: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            received: self.received + other.received,
        }
    }
}

/// Statistics of one received SSRC, for receiver reports.
pub(crate) struct Reception {
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// In units of the RTP clock, times 16.
    jitter: u64,
    clock_rate: u32,
    transit: Option<i64>,
    origin: Option<Instant>,
    /// Middle 32 bits of the last sender report's time, and when it came.
    report: Option<(u32, Instant)>,
}

impl Reception {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            highest: 0,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0,
            clock_rate: 0,
            transit: None,
            origin: None,
            report: None,
        }
    }

    /// Counts one packet.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        ext_sequence: u64,
        timestamp: u32,
        clock_rate: u32,
    ) {
        self.first.get_or_insert(ext_sequence);
        self.highest = self.highest.max(ext_sequence);
        self.received += 1;
        self.clock_rate = clock_rate;
        let origin = *self.origin.get_or_insert(now);
        let elapsed = now.saturating_duration_since(origin).as_micros();
        let arrival = i64::try_from(elapsed * u128::from(clock_rate) / 1_000_000).unwrap_or(0);
        // In 32 bits, as timestamps are; only differences count.
        let transit = arrival - i64::from(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = truncated(transit - before);
            self.jitter = (self.jitter + difference).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    /// What came so far.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            expected: self.first.map_or(0, |first| self.highest - first + 1),
            received: self.received,
        }
    }

    /// The interarrival jitter at present.
    pub(crate) fn jitter(&self) -> Duration {
        from_ticks(self.jitter >> 4, self.clock_rate)
    }

    /// Remembers a sender report, to be echoed.
    pub(crate) fn on_sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.report = Some((ntp_middle, now));
    }

    /// The report block of this SSRC, if anything came since the last.
    pub(crate) fn block(&mut self, now: Instant, ssrc: u32) -> Option<rtp::rtcp::ReportBlock> {
        let first = self
            .first
            .filter(|_| self.received > self.received_before)?;
        let expected = self.highest - first + 1;
        let expected_now = expected - self.expected_before;
        let received_now = self.received - self.received_before;
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or(0);
        let lost = i64::try_from(expected).unwrap_or(i64::MAX)
            - i64::try_from(self.received).unwrap_or(i64::MAX);
        let (last_report, since) = self.report.map_or((0, Duration::ZERO), |(middle, at)| {
            (middle, now.saturating_duration_since(at))
        });
        Some(rtp::rtcp::ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction.min(255)).unwrap_or(255),
            cumulative_lost: i32::try_from(lost.clamp(-0x80_0000, 0x7f_ffff)).unwrap_or(0),
            highest_sequence: low_32(self.highest),
            jitter: low_32(self.jitter >> 4),
            last_sender_report: last_report,
            delay_since_last_sender_report: low_32(
                u64::try_from(since.as_micros() * 65_536 / 1_000_000).unwrap_or(u64::MAX),
            ),
        })
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn low_32(value: u64) -> u32 {
    value as u32
}

/// The distance of two 32-bit times, whichever is later.
#[allow(clippy::cast_possible_truncation)]
const fn truncated(difference: i64) -> u64 {
    (difference as i32).unsigned_abs() as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
