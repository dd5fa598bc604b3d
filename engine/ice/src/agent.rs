// SPDX-License-Identifier: Apache-2.0
//! The agent: answers checks, makes its own, chooses a path.

use std::time::{Duration, Instant};

use crate::stun::{BINDING, Class, Message, Writer};
use crate::{Credentials, Path};

mod answer;
mod candidate;
mod rejection;
mod secrets;

use answer::{answer, refusal};
use candidate::{Candidate, Generation};
pub use rejection::Rejection;
use rejection::rejection;
use secrets::Secrets;

/// Paths one peer may have; an unproven one makes room for the next.
const MAX_PATHS: usize = 8;
/// A path nobody checked for this long is forgotten, unless it is in use.
const IDLE: Duration = Duration::from_secs(60);
/// A return to the path that was just left is ignored for this long, so that two nominated paths do not alternate.
const SETTLE: Duration = Duration::from_secs(1);
/// Space that [`Agent::on_stun`] and [`Agent::poll_transmit`] need to write to: two fragments of 256 and 120 bytes.
pub const MAX_REPLY: usize = 640;
/// Type preference of a peer-reflexive candidate, one component (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = 110 << 24 | 0xffff << 8 | 255;

/// What the agent decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// Media goes over this path from now on.
    Selected(Path),
    /// No answer for 30 s: nothing may be sent any more.
    ConsentLost,
}

/// An ICE-lite agent for one session, always controlled, that proves its paths itself.
///
/// **After each call drain [`Agent::poll_transmit`] and [`Agent::poll_event`]**; every datagram written there or by
/// [`Agent::on_stun`] must be sent, because it is counted.
pub struct Agent {
    generation: Generation,
    /// The credentials before a restart, as long as the selected path lives by them.
    previous: Option<Box<Generation>>,
    generations: u32,
    secrets: Secrets,
    candidates: Vec<Candidate>,
    selected: Option<Selected>,
    /// The path left last, and when.
    left: Option<(Path, Instant)>,
    announce: Option<AgentEvent>,
}

#[derive(Clone, Copy)]
struct Selected {
    path: Path,
    generation: u32,
}

impl Agent {
    /// An agent that knows no path. Transaction ids and the tie breaker are derived from `seed`, which must be random
    /// and used once.
    #[must_use]
    pub fn new(local: Credentials, remote: Credentials, seed: &[u8; 32]) -> Self {
        Self {
            generation: Generation {
                number: 0,
                local,
                remote,
            },
            previous: None,
            generations: 1,
            secrets: Secrets::new(seed),
            candidates: Vec::with_capacity(MAX_PATHS),
            selected: None,
            left: None,
            announce: None,
        }
    }

    /// Takes new credentials (RFC 8445 section 9). The selected path stays in use until one is proven with the new.
    pub fn restart(&mut self, local: Credentials, remote: Credentials) {
        let number = self.generations;
        self.generations += 1;
        let old = std::mem::replace(
            &mut self.generation,
            Generation {
                number,
                local,
                remote,
            },
        );
        if self
            .selected
            .is_some_and(|selected| selected.generation == old.number)
        {
            self.previous = Some(Box::new(old));
        }
        let kept = self.previous.as_ref().map(|previous| previous.number);
        self.candidates
            .retain(|candidate| Some(candidate.generation) == kept);
    }

    /// Takes one STUN message and writes the answer to `out` (at least [`MAX_REPLY`] bytes), to go back over `path`.
    /// Returns its length, 0 if there is none.
    ///
    /// # Errors
    /// Why the message was dropped; nothing has changed then.
    pub fn on_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Rejection> {
        let message = Message::parse(datagram).map_err(|_| Rejection::Malformed)?;
        if !message.fingerprint {
            return Err(Rejection::Malformed);
        }
        match (message.method, message.class) {
            (BINDING, Class::Request) => self.on_request(now, path, &message, datagram.len(), out),
            (BINDING, Class::Success) => self.on_success(now, path, &message).map(|()| 0),
            (BINDING, Class::Indication) => Ok(0),
            _ => Err(Rejection::Unexpected),
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
        len: usize,
        out: &mut [u8],
    ) -> Result<usize, Rejection> {
        let username = message.username.ok_or(Rejection::Malformed)?;
        let generation = std::iter::once(&self.generation)
            .chain(self.previous.as_deref())
            .find(|generation| generation.is_addressed(username))
            .ok_or(Rejection::UnknownUfrag)?;
        let (number, key) = (generation.number, generation.local.key());
        message.verify(&key).map_err(rejection)?;
        let at = self.admit(now, path, number);
        let Some(candidate) = self.candidates.get_mut(at) else {
            return Ok(0);
        };
        candidate.heard(now, len);
        let refusal = refusal(message);
        if refusal.is_none() && message.use_candidate {
            candidate.nominated = true;
        }
        let written = answer(message, refusal, path, &key, out);
        let written = if candidate.spend(now, written) {
            written
        } else {
            0
        };
        if refusal.is_none() && message.use_candidate {
            self.follow(now, at);
            self.arm_consent(now);
        }
        Ok(written)
    }

    fn on_success(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
    ) -> Result<(), Rejection> {
        let known = |c: &Candidate| c.path == path && c.check.is_mine(&message.transaction);
        let at = self
            .candidates
            .iter()
            .position(known)
            .ok_or(Rejection::Unexpected)?;
        let candidate = self.candidates.get_mut(at).ok_or(Rejection::Unexpected)?;
        let generation = std::iter::once(&self.generation)
            .chain(self.previous.as_deref())
            .find(|generation| generation.number == candidate.generation)
            .ok_or(Rejection::Unexpected)?;
        message
            .verify(&generation.remote.key())
            .map_err(rejection)?;
        candidate.answered(now, &message.transaction);
        if candidate.nominated {
            self.follow(now, at);
        }
        self.arm_consent(now);
        Ok(())
    }

    /// The place of the path, added if it is new.
    fn admit(&mut self, now: Instant, path: Path, generation: u32) -> usize {
        let same = |c: &Candidate| c.path == path && c.generation == generation;
        if let Some(at) = self.candidates.iter().position(same) {
            return at;
        }
        let selected = self.selected;
        let in_use = |c: &Candidate| {
            selected.is_some_and(|s| s.path == c.path && s.generation == c.generation)
        };
        self.candidates
            .retain(|c| in_use(c) || now < c.heard_at + IDLE);
        if self.candidates.len() >= MAX_PATHS {
            let oldest = (self.candidates.iter().enumerate())
                .filter(|(_, c)| !in_use(c))
                .min_by_key(|(_, c)| (c.is_validated(now), c.heard_at))
                .map(|(at, _)| at);
            if let Some(at) = oldest {
                self.candidates.swap_remove(at);
            }
        }
        self.candidates.push(Candidate::new(now, path, generation));
        self.candidates.len() - 1
    }

    /// Goes over to a nominated path if it is proven; if it is not, its check is already under way.
    fn follow(&mut self, now: Instant, at: usize) {
        let Some(candidate) = self.candidates.get_mut(at) else {
            return;
        };
        let next = Selected {
            path: candidate.path,
            generation: candidate.generation,
        };
        let same = |s: Selected| s.path == next.path && s.generation == next.generation;
        if self.selected.is_some_and(same) {
            return;
        }
        // The credentials of before a restart choose nothing any more.
        let stale = next.generation != self.generation.number;
        let returning = self
            .left
            .is_some_and(|(path, when)| path == next.path && now < when + SETTLE);
        if stale || returning {
            return;
        }
        if !candidate.is_validated(now) {
            candidate.check.arm(now);
            return;
        }
        let left = self.selected.replace(next);
        if let Some(old) = left.filter(|old| old.path != next.path) {
            self.left = Some((old.path, now));
        }
        for other in self.candidates.iter_mut().filter(|c| c.path != next.path) {
            other.nominated = false;
        }
        if self.previous.take().is_some() {
            self.candidates.retain(|c| c.generation == next.generation);
        }
        if left.is_none_or(|old| old.path != next.path) {
            self.announce = Some(AgentEvent::Selected(next.path));
        }
    }

    fn arm_consent(&mut self, now: Instant) {
        let Some(selected) = self.selected else {
            return;
        };
        let jitter = self.secrets.jitter();
        if let Some(candidate) = self.find_mut(selected) {
            candidate.check.arm_consent(now, jitter);
        }
    }

    /// Writes the next own Binding request that is due to `out` (at least [`MAX_REPLY`] bytes).
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<(Path, usize)> {
        self.expire(now);
        // Asking puts a path's next turn into the future, so this ends.
        while let Some(at) = self.candidates.iter().position(|c| c.check.is_due(now)) {
            if let Some(request) = self.ask(now, at, out) {
                return Some(request);
            }
        }
        None
    }

    fn ask(&mut self, now: Instant, at: usize, out: &mut [u8]) -> Option<(Path, usize)> {
        let selected = self.selected;
        let candidate = self.candidates.get_mut(at)?;
        let in_use = selected
            .is_some_and(|s| s.path == candidate.path && s.generation == candidate.generation);
        let transaction = candidate.check.next(now, in_use, &mut self.secrets);
        let generation = std::iter::once(&self.generation)
            .chain(self.previous.as_deref())
            .find(|generation| generation.number == candidate.generation)?;
        let written = Writer::new(out, Class::Request, transaction)
            .username(generation.remote.ufrag(), generation.local.ufrag())
            .priority(PRIORITY)
            .controlled(self.secrets.tie_breaker())
            .finish(&generation.remote.key())?;
        candidate
            .spend(now, written)
            .then_some((candidate.path, written))
    }

    /// Gives the selected path up when its last answer is too old.
    fn expire(&mut self, now: Instant) {
        let Some(selected) = self.selected else {
            return;
        };
        if self
            .find_mut(selected)
            .is_none_or(|candidate| !candidate.is_validated(now))
        {
            self.selected = None;
            self.previous = None;
            self.announce = Some(AgentEvent::ConsentLost);
        }
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        self.announce.take()
    }

    /// When [`Agent::poll_transmit`] has something to do again.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let checks = self.candidates.iter().filter_map(|c| c.check.due());
        let consent = self
            .selected
            .and_then(|s| self.find(s))
            .and_then(Candidate::expires);
        checks.chain(consent).min()
    }

    /// The path media goes over: proven, nominated by the peer, and with consent.
    #[must_use]
    pub fn selected(&self) -> Option<Path> {
        self.selected.map(|selected| selected.path)
    }

    /// Whether an authenticated check came over this path lately.
    #[must_use]
    pub fn knows(&self, path: &Path) -> bool {
        self.candidates
            .iter()
            .any(|candidate| candidate.path == *path)
    }

    /// Counts bytes that came over a known path beside STUN: they raise what it may be sent before it is proven.
    pub fn credit(&mut self, path: &Path, bytes: usize) {
        if let Some(candidate) = self.candidates.iter_mut().find(|c| c.path == *path) {
            candidate.received += bytes as u64;
        }
    }

    /// Whether `bytes` may be sent over `path` now, and counts them if so. Not for media: that goes over
    /// [`Agent::selected`] only.
    pub fn spend(&mut self, now: Instant, path: &Path, bytes: usize) -> bool {
        let mut same = self.candidates.iter_mut().filter(|c| c.path == *path);
        same.any(|candidate| candidate.spend(now, bytes))
    }

    /// Round trip time of the selected path, from its last unambiguous answer.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.find(self.selected?)?.rtt
    }

    fn find(&self, selected: Selected) -> Option<&Candidate> {
        self.candidates
            .iter()
            .find(|c| c.path == selected.path && c.generation == selected.generation)
    }

    fn find_mut(&mut self, selected: Selected) -> Option<&mut Candidate> {
        self.candidates
            .iter_mut()
            .find(|c| c.path == selected.path && c.generation == selected.generation)
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("paths", &self.candidates.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
