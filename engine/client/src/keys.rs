// SPDX-License-Identifier: Apache-2.0
//! A member's keys: what it seals with, and what it opens others' frames with.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sframe::{
    Codec, Opened, Opener, Refusal, RefusalCounts, RoomContext, SealError, Sealer, Secret, Track,
};

struct Pending {
    secret: Secret,
    use_at: Instant,
}

/// A life of a room, and our place in its roster.
type Place = (RoomContext, u16);

/// The key ring of one member. **Without a secret nothing is sealed and nothing opens.**
#[derive(Default)]
pub struct Keys {
    room: Option<Place>,
    /// The newest version of each place that we left: its counters are gone, so it never seals with that again.
    left: Vec<(Place, (u64, u8))>,
    current: Option<Secret>,
    /// Versions whose time to be sealed with has not come, oldest first.
    pending: VecDeque<Pending>,
    sealers: HashMap<Track, Sealer>,
    opener: Opener,
}

impl Keys {
    /// Which life of which room secrets are for, and our place in its roster. Another context or place forgets everything, and
    /// **there is no way back to one that was left**: nothing is sealed or opened there, for its counters would begin anew.
    pub fn set_room(&mut self, context: RoomContext, index: u16) {
        if self
            .room
            .as_ref()
            .is_some_and(|room| *room == (context.clone(), index))
        {
            return;
        }
        let mut left = std::mem::take(&mut self.left);
        let newest = self.newest().map(Secret::version);
        left.extend(self.room.take().zip(newest));
        *self = Self {
            room: Some((context, index)),
            left,
            ..Self::default()
        };
    }

    /// Takes a secret of the authority: opens with it at once, seals with it `after` from now. False if it is not of
    /// the room's suite, no room is set, or this place was left with that version or a later one. Steps of an epoch that still
    /// waits for its time wait with it. **A version that is known changes nothing**, so that a secret which comes again on
    /// another line never sets a counter back.
    pub fn add_secret(
        &mut self,
        now: Instant,
        epoch: u64,
        step: u8,
        bytes: &[u8],
        after_removal: bool,
        after: Duration,
    ) -> bool {
        let Some(place) = &self.room else {
            return false;
        };
        let context = &place.0;
        let used = |(known, version): &(Place, _)| known == place && *version >= (epoch, step);
        if self.left.iter().any(used) {
            return false;
        }
        let Some(opening) = Secret::new(context.suite, epoch, step, bytes) else {
            return false;
        };
        let Some(sealing) = Secret::new(context.suite, epoch, step, bytes) else {
            return false;
        };
        if self
            .newest()
            .is_some_and(|known| known.version() >= opening.version())
        {
            return true;
        }
        self.opener.add_secret(now, opening, after_removal);
        let epoch_waits = self
            .pending
            .back()
            .filter(|pending| pending.secret.version().0 == epoch)
            .map(|pending| pending.use_at);
        // Each keeps its own time: were the newest all that waits, removals that come closer together than it takes would keep
        // us on the epoch before the first of them.
        self.pending.push_back(Pending {
            secret: sealing,
            use_at: epoch_waits.map_or(now + after, |at| at.max(now + after)),
        });
        self.turn(now);
        true
    }

    /// The room stepped forward: the secret follows from the one before and is used at once. False if that is not known.
    pub fn step(&mut self, now: Instant, epoch: u64, step: u8) -> bool {
        let Some(next) = self
            .newest()
            .and_then(Secret::next)
            .filter(|next| next.version() == (epoch, step))
        else {
            return false;
        };
        let Some(bytes) = next.bytes() else {
            return false;
        };
        let bytes = bytes.to_vec();
        self.add_secret(now, epoch, step, &bytes, false, Duration::ZERO)
    }

    fn newest(&self) -> Option<&Secret> {
        self.pending
            .back()
            .map(|pending| &pending.secret)
            .or(self.current.as_ref())
    }

    /// Begins to seal with the newest secret whose time has come.
    fn turn(&mut self, now: Instant) {
        let due = self.pending.iter().rposition(|one| one.use_at <= now);
        if let Some(newest) = due.and_then(|place| self.pending.drain(..=place).next_back()) {
            self.current = Some(newest.secret);
            self.sealers.clear();
        }
    }

    /// The versions (epoch, step) that frames of others open with now.
    pub fn held(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        self.opener.held()
    }

    /// Erases what is past its time, also where nothing is sealed or opened. Call it once a second or so.
    pub fn sweep(&mut self, now: Instant) {
        self.turn(now);
        self.opener.sweep(now);
    }

    /// Seals a frame of one of our tracks; `None` before the first secret.
    ///
    /// # Errors
    /// The frame is malformed or the key is used up: drop it.
    pub fn seal(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        frame: &[u8],
    ) -> Option<Result<Vec<u8>, SealError>> {
        self.turn(now);
        let (secret, index) = (self.current.as_ref()?, self.room.as_ref()?.1);
        let sealer = match self.sealers.entry(track) {
            Entry::Occupied(sealer) => sealer.into_mut(),
            Entry::Vacant(place) => place.insert(Sealer::new(secret, index, track)?),
        };
        Some(sealer.seal(codec, frame))
    }

    /// Opens a frame; `bound` as in [`Opener::open`].
    ///
    /// # Errors
    /// The reason: the frame must not be shown.
    pub fn open(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        bound: Option<u16>,
        frame: &[u8],
    ) -> Result<Opened, Refusal> {
        self.opener.open(now, track, codec, bound, frame)
    }

    /// As [`Keys::open`], for a frame that may be tried again: see [`Opener::try_open`].
    ///
    /// # Errors
    /// The reason: the frame must not be shown.
    pub fn try_open(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        bound: Option<u16>,
        frame: &[u8],
    ) -> Result<Opened, Refusal> {
        self.opener.try_open(now, track, codec, bound, frame)
    }

    /// Counts a refusal of [`Keys::try_open`] that is final.
    pub const fn count(&mut self, reason: Refusal) {
        self.opener.count(reason);
    }

    /// Seals the body of a custom message; `None` before the first secret.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn seal_custom(&mut self, now: Instant, body: &[u8]) -> Option<Result<Vec<u8>, SealError>> {
        self.seal(now, Track::Data, Codec::Data, body)
    }

    /// Opens a custom message, whoever sealed it. Refusals are not counted here, for it may be tried again once a key came.
    ///
    /// # Errors
    /// The reason: the message must not be told.
    pub fn open_custom(&mut self, now: Instant, frame: &[u8]) -> Result<Opened, Refusal> {
        self.opener
            .try_open(now, Track::Data, Codec::Data, None, frame)
    }

    /// Refused frames by reason.
    #[must_use]
    pub const fn refusals(&self) -> &RefusalCounts {
        self.opener.refusals()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
