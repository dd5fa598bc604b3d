// SPDX-License-Identifier: Apache-2.0
//! When to ask a publisher for a key frame of one layer.

use std::time::{Duration, Instant};

/// First repetition: long enough for a round trip and an encoder, short enough to hide one lost request.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
/// Further repetitions. Lower shortens the wait on a bad path and costs the publisher bit rate.
const REPEAT: Duration = Duration::from_millis(500);
/// Never more often than this, whoever asks.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// The requests for key frames of one (track, layer).
///
/// The first goes out at once; it is repeated while somebody waits, and **only a key frame ends the wait**.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameGate {
    last: Option<Instant>,
    due: Option<Instant>,
    sent: u32,
    asked: bool,
}

impl KeyFrameGate {
    /// A subscriber lost its picture (PLI or FIR): it waits until a key frame comes.
    pub(crate) const fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether a subscriber lost its picture and got no key frame since.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked
    }

    /// Somebody waits. Returns whether to ask the publisher now.
    pub(crate) fn want(&mut self, now: Instant) -> bool {
        if self.due.is_some() {
            return false;
        }
        match self.last.map(|last| last + MIN_INTERVAL) {
            Some(earliest) if earliest > now => {
                self.due = Some(earliest);
                false
            }
            _ => {
                self.send(now);
                true
            }
        }
    }

    /// When [`KeyFrameGate::on_deadline`] wants to be called.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to look who still waits.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Returns whether to ask the publisher now. Without anybody waiting the requests end.
    pub(crate) fn on_deadline(&mut self, now: Instant, somebody_waits: bool) -> bool {
        if !self.is_due(now) {
            return false;
        }
        if !somebody_waits {
            self.settle();
            return false;
        }
        self.send(now);
        true
    }

    /// A key frame has begun, or nobody is left who could want one.
    pub(crate) fn settle(&mut self) {
        *self = Self {
            last: self.last,
            ..Self::default()
        };
    }

    fn send(&mut self, now: Instant) {
        self.last = Some(now);
        self.due = Some(now + if self.sent == 0 { FIRST_REPEAT } else { REPEAT });
        self.sent = self.sent.saturating_add(1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
