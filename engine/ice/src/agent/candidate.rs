// SPDX-License-Identifier: Apache-2.0
//! What is known about one path.

use std::time::{Duration, Instant};

use super::secrets::Secrets;
use crate::stun::TransactionId;
use crate::{Credentials, Path};

/// Bytes an unproven address may be sent per byte it sent (as QUIC has it, RFC 9000 section 8.1).
const AMPLIFICATION: u64 = 3;
/// How long one answer is good for (RFC 7675 section 5.1).
const CONSENT: Duration = Duration::from_secs(30);
/// Time between consent checks before jitter: shorter notices a dead path no sooner, since only 30 s without an
/// answer end it.
const CONSENT_EVERY: Duration = Duration::from_secs(5);
/// First repetition of an unanswered check, doubled each time.
const RETRY: Duration = Duration::from_millis(100);
/// Repetitions of one check; the last is 6.4 s after the one before. A new request of the peer starts over.
const RETRIES: u32 = 7;

/// One pair of credentials; a restart makes the next.
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) local: Credentials,
    pub(super) remote: Credentials,
}

impl Generation {
    /// Whether a request with this USERNAME is meant for these credentials.
    pub(super) fn is_addressed(&self, username: &[u8]) -> bool {
        let rest = username.strip_prefix(self.local.ufrag().as_bytes());
        rest.and_then(|rest| rest.strip_prefix(b":")) == Some(self.remote.ufrag().as_bytes())
    }
}

/// One path under one pair of credentials, from which an authenticated request came.
pub(super) struct Candidate {
    pub(super) path: Path,
    pub(super) generation: u32,
    pub(super) received: u64,
    sent: u64,
    pub(super) heard_at: Instant,
    pub(super) nominated: bool,
    answered_at: Option<Instant>,
    pub(super) rtt: Option<Duration>,
    pub(super) check: Check,
}

impl Candidate {
    pub(super) const fn new(now: Instant, path: Path, generation: u32) -> Self {
        Self {
            path,
            generation,
            received: 0,
            sent: 0,
            heard_at: now,
            nominated: false,
            answered_at: None,
            rtt: None,
            check: Check {
                due: None,
                tries: 0,
                asked: [None; 2],
            },
        }
    }

    /// An authenticated request came.
    pub(super) fn heard(&mut self, now: Instant, bytes: usize) {
        self.heard_at = now;
        self.received += bytes as u64;
        if !self.is_validated(now) {
            self.check.arm(now);
        }
    }

    /// An authentic answer came.
    pub(super) fn answered(&mut self, now: Instant, transaction: &TransactionId) {
        self.answered_at = Some(now);
        if let Some(rtt) = self.check.settle(now, transaction) {
            self.rtt = Some(rtt);
        }
    }

    /// Whether whoever receives at this address answered lately.
    pub(super) fn is_validated(&self, now: Instant) -> bool {
        self.expires().is_some_and(|end| now < end)
    }

    /// When the last answer loses its force.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.answered_at.map(|at| at + CONSENT)
    }

    /// Whether `bytes` may be sent, and counts them if so.
    pub(super) fn spend(&mut self, now: Instant, bytes: usize) -> bool {
        let sent = self.sent + bytes as u64;
        let allowed = self.is_validated(now) || sent <= AMPLIFICATION * self.received;
        if allowed {
            self.sent = sent;
        }
        allowed
    }
}

/// The own Binding requests of one path.
pub(super) struct Check {
    due: Option<Instant>,
    /// How often the newest was sent.
    tries: u32,
    /// The two newest, so that a late answer still counts: id and when it was first sent.
    asked: [Option<(TransactionId, Instant)>; 2],
}

impl Check {
    /// Asks at once, unless asking is under way.
    pub(super) fn arm(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now);
            self.tries = 0;
        }
    }

    /// Asks again later; `jitter` is 0 to 255 and stands for 80 to 120 % (RFC 7675 section 5.1).
    pub(super) fn arm_consent(&mut self, now: Instant, jitter: u8) {
        if self.due.is_none() {
            self.due = Some(now + CONSENT_EVERY * (800 + 400 * u32::from(jitter) / 255) / 1_000);
            self.tries = 0;
        }
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// The id for a request that is sent now, and when the next is due. Of a path in use every check is a new one and
    /// goes on until consent ends.
    pub(super) fn next(
        &mut self,
        now: Instant,
        in_use: bool,
        secrets: &mut Secrets,
    ) -> TransactionId {
        let repeated = self.asked[0].filter(|_| self.tries > 0 && !in_use);
        let transaction = repeated.map_or_else(
            || {
                let transaction = secrets.transaction();
                self.asked = [Some((transaction, now)), self.asked[0]];
                transaction
            },
            |(transaction, _)| transaction,
        );
        self.tries += 1;
        self.due = if in_use {
            Some(now + CONSENT_EVERY * (800 + 400 * u32::from(secrets.jitter()) / 255) / 1_000)
        } else {
            (self.tries <= RETRIES).then(|| now + RETRY * (1 << (self.tries - 1)))
        };
        transaction
    }

    pub(super) fn is_mine(&self, transaction: &TransactionId) -> bool {
        self.asked
            .iter()
            .flatten()
            .any(|(asked, _)| asked == transaction)
    }

    /// The question is answered. The round trip time, unless the question was repeated.
    fn settle(&mut self, now: Instant, transaction: &TransactionId) -> Option<Duration> {
        let asked = self
            .asked
            .iter()
            .flatten()
            .find(|(asked, _)| asked == transaction)
            .map(|(_, at)| *at);
        let once =
            self.tries == 1 || self.asked[0].is_none_or(|(newest, _)| newest != *transaction);
        for slot in &mut self.asked {
            *slot = slot.filter(|(asked, _)| asked != transaction);
        }
        self.due = None;
        self.tries = 0;
        asked
            .filter(|_| once)
            .map(|at| now.saturating_duration_since(at))
    }
}
