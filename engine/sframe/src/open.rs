// SPDX-License-Identifier: Apache-2.0
//! Opening the frames of everyone in a room.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::cipher::{FrameKey, TAG};
use crate::frame::{Codec, Track, additional_data, clear_prefix, restored, uncarried};
use crate::header::{Header, LAST_COUNTER};
use crate::replay::ReplayWindow;
use crate::schedule::{KeyId, Secret};

/// How long frames of a secret are accepted after the next came.
const GRACE: Duration = Duration::from_secs(5);
/// The same when the change was a removal.
const GRACE_AFTER_REMOVAL: Duration = Duration::from_secs(1);
/// Steps tried ahead of the one known.
const STEPS_AHEAD: u8 = 7;

/// Why a frame was not opened. It must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Refusal {
    /// No secret of its epoch and step.
    NoKey,
    /// The tag does not fit: key, header, prefix or body are not what was sealed.
    BadTag,
    /// Its counter was accepted before, or is too old to tell.
    Replay,
    /// No SFrame header where one must be.
    Clear,
    /// Sealed by somebody else than the slot is bound to, or for another track.
    WrongSender,
    /// Its epoch has passed.
    OldEpoch,
    /// Too short, or a header that is not of minimal length, or whose counter nobody may use.
    Malformed,
}

impl Refusal {
    /// All reasons, in the order of [`RefusalCounts`].
    pub const ALL: [Self; 7] = [
        Self::NoKey,
        Self::BadTag,
        Self::Replay,
        Self::Clear,
        Self::WrongSender,
        Self::OldEpoch,
        Self::Malformed,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::BadTag => "bad_tag",
            Self::Replay => "replay",
            Self::Clear => "clear",
            Self::WrongSender => "wrong_sender",
            Self::OldEpoch => "old_epoch",
            Self::Malformed => "malformed",
        }
    }
}

/// Refused frames by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusalCounts([u64; Refusal::ALL.len()]);

impl RefusalCounts {
    /// How many were refused for a reason.
    #[must_use]
    pub const fn of(&self, reason: Refusal) -> u64 {
        self.0[reason as usize]
    }
}

/// A frame that opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who sealed it: a place in the roster.
    pub index: u16,
    /// Which of the sender's tracks.
    pub track: Track,
    /// The frame as the encoder put it out.
    pub frame: Vec<u8>,
}

struct Stored {
    secret: Secret,
    /// Until when it is accepted; `None` while it is the latest.
    until: Option<Instant>,
}

impl Stored {
    const fn epoch(&self) -> u64 {
        self.secret.version().0
    }

    const fn step(&self) -> u8 {
        self.secret.version().1
    }
}

struct Sender {
    key: FrameKey,
    window: ReplayWindow,
}

/// Opens frames with the secrets it was given. Time is an argument.
#[derive(Default)]
pub struct Opener {
    /// Oldest first; at most a handful.
    secrets: Vec<Stored>,
    /// By epoch and key id, which says the epoch modulo 64 only.
    senders: HashMap<(u64, u64), Sender>,
    counts: RefusalCounts,
}

impl Opener {
    /// An opener that knows no secret: it opens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a secret; the ones before are accepted for the grace, short after a removal. An older or a second one of
    /// the same version changes nothing.
    pub fn add_secret(&mut self, now: Instant, secret: Secret, after_removal: bool) {
        if self
            .secrets
            .last()
            .is_some_and(|last| last.secret.version() >= secret.version())
        {
            return;
        }
        let grace = if after_removal {
            GRACE_AFTER_REMOVAL
        } else {
            GRACE
        };
        for stored in &mut self.secrets {
            let end = now + grace;
            stored.until = Some(stored.until.map_or(end, |until| until.min(end)));
        }
        self.secrets.push(Stored {
            secret,
            until: None,
        });
    }

    /// The versions (epoch, step) whose secrets are held now, for whoever has to show that others are gone.
    pub fn held(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        self.secrets.iter().map(|stored| stored.secret.version())
    }

    /// Refused frames by reason.
    #[must_use]
    pub const fn refusals(&self) -> &RefusalCounts {
        &self.counts
    }

    /// Opens one frame of a track and codec. `bound` is the roster index that the slot is bound to; `None` takes any
    /// sender's and says whose it was.
    ///
    /// # Errors
    /// The reason, which is counted; the frame must not be shown.
    pub fn open(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        bound: Option<u16>,
        frame: &[u8],
    ) -> Result<Opened, Refusal> {
        let opened = self.try_open(now, track, codec, bound, frame);
        if let Err(reason) = opened {
            self.count(reason);
        }
        opened
    }

    /// Counts a refusal of [`Opener::try_open`] that is final.
    pub const fn count(&mut self, reason: Refusal) {
        self.counts.0[reason as usize] += 1;
    }

    /// As [`Opener::open`], for a frame that may be tried again when its key has come: a refusal is not counted.
    ///
    /// # Errors
    /// The reason; the frame must not be shown.
    pub fn try_open(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        bound: Option<u16>,
        frame: &[u8],
    ) -> Result<Opened, Refusal> {
        let prefix_len = clear_prefix(codec, frame).ok_or(Refusal::Malformed)?;
        let (prefix, rest) = frame
            .split_at_checked(prefix_len)
            .ok_or(Refusal::Malformed)?;
        let rest = &*uncarried(codec, prefix, rest).ok_or(Refusal::Malformed)?;
        let (header, header_len) = Header::parse(rest).map_err(|_| Refusal::Malformed)?;
        let id = KeyId::unpack(header.kid).ok_or(Refusal::Clear)?;
        let (header_bytes, sealed) = rest
            .split_at_checked(header_len)
            .ok_or(Refusal::Malformed)?;
        if sealed.len() < TAG || header.counter > LAST_COUNTER {
            return Err(Refusal::Malformed);
        }
        if id.track != track || bound.is_some_and(|bound| bound != id.index) {
            return Err(Refusal::WrongSender);
        }
        self.sweep(now);
        let aad = additional_data(header_bytes, track, codec, prefix);
        let body = self.body(header, id, &aad, sealed)?;
        Ok(Opened {
            index: id.index,
            track,
            frame: restored(codec, prefix, body),
        })
    }

    fn body(
        &mut self,
        header: Header,
        id: KeyId,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let epoch = self.epoch(id)?;
        if let Some(sender) = self.senders.get_mut(&(epoch, header.kid)) {
            if !sender.window.allows(header.counter) {
                return Err(Refusal::Replay);
            }
            let body = sender
                .key
                .open(header.counter, aad, sealed)
                .ok_or(Refusal::BadTag)?;
            sender.window.commit(header.counter);
            return Ok(body);
        }
        let key = self.derive(epoch, header.kid, id)?;
        // On a copy: nothing is kept of a key that opened nothing.
        let body = key
            .open(header.counter, aad, sealed)
            .ok_or(Refusal::BadTag)?;
        let mut window = ReplayWindow::default();
        window.commit(header.counter);
        self.senders
            .insert((epoch, header.kid), Sender { key, window });
        Ok(body)
    }

    /// The epoch that a key id speaks of: the latest of those we have secrets of.
    fn epoch(&self, id: KeyId) -> Result<u64, Refusal> {
        (self.secrets.iter().rev())
            .map(Stored::epoch)
            .find(|epoch| epoch % 64 == u64::from(id.epoch))
            .ok_or_else(|| self.missing(id))
    }

    /// The key of a sender's track: from the secret of its version, or stepped forward from the latest before it.
    fn derive(&self, epoch: u64, kid: u64, id: KeyId) -> Result<FrameKey, Refusal> {
        let may_lead_to = |stored: &&Stored| stored.epoch() == epoch && stored.step() <= id.step;
        let from = (self.secrets.iter().rev())
            .find(may_lead_to)
            .ok_or_else(|| self.missing(id))?;
        let ahead = id.step - from.secret.version().1;
        if ahead > STEPS_AHEAD {
            return Err(Refusal::NoKey);
        }
        let mut stepped: Option<Secret> = None;
        for _ in 0..ahead {
            stepped = Some(
                stepped
                    .as_ref()
                    .unwrap_or(&from.secret)
                    .next()
                    .ok_or(Refusal::NoKey)?,
            );
        }
        let secret = stepped.as_ref().unwrap_or(&from.secret);
        let base_key = secret
            .base_key(u32::from(id.index), id.track)
            .ok_or(Refusal::NoKey)?;
        FrameKey::derive(secret.suite(), kid, &base_key).ok_or(Refusal::NoKey)
    }

    /// Whether a version that we have no secret of has passed or is yet to come.
    fn missing(&self, id: KeyId) -> Refusal {
        let Some(last) = self.secrets.last() else {
            return Refusal::NoKey;
        };
        let (epoch, step) = last.secret.version();
        // The shorter way round of the 64 epochs that a key id can tell apart; half way round has passed.
        let behind = (epoch % 64 + 64 - u64::from(id.epoch)) % 64;
        if (behind == 0 && id.step < step) || (1..=32).contains(&behind) {
            Refusal::OldEpoch
        } else {
            Refusal::NoKey
        }
    }

    /// Erases secrets whose grace is over, and every key of their versions. [`Opener::open`] does so too; call it where no
    /// frames may come for a while.
    pub fn sweep(&mut self, now: Instant) {
        if self
            .secrets
            .iter()
            .all(|stored| stored.until.is_none_or(|until| now < until))
        {
            return;
        }
        self.secrets
            .retain(|stored| stored.until.is_none_or(|until| now < until));
        let secrets = &self.secrets;
        let kept = |epoch: u64, id: KeyId| {
            let from = |stored: &Stored| stored.epoch() == epoch && stored.step() <= id.step;
            secrets.iter().any(from)
        };
        self.senders
            .retain(|(epoch, kid), _| KeyId::unpack(*kid).is_some_and(|id| kept(*epoch, id)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
