// SPDX-License-Identifier: Apache-2.0
//! A member's keys: what it seals with, and what it opens others' frames with.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use sframe::{
    Codec, Opened, Opener, Refusal, RefusalCounts, RoomContext, SealError, Sealer, Secret, Track,
};

struct Pending {
    secret: Secret,
    use_at: Instant,
}

/// The key ring of one member. **Without a secret nothing is sealed and nothing opens.**
#[derive(Default)]
pub struct Keys {
    room: Option<(RoomContext, u16)>,
    current: Option<Secret>,
    pending: Option<Pending>,
    sealers: HashMap<Track, Sealer>,
    opener: Opener,
}

impl Keys {
    /// Which life of which room secrets are for, and our place in its roster. Another context or place forgets everything.
    pub fn set_room(&mut self, context: RoomContext, index: u16) {
        if self
            .room
            .as_ref()
            .is_some_and(|room| *room == (context.clone(), index))
        {
            return;
        }
        *self = Self {
            room: Some((context, index)),
            ..Self::default()
        };
    }

    /// Takes a secret of the authority: opens with it at once, seals with it `after` from now. False if it is not of
    /// the room's suite, or no room is set. **A version that is known changes nothing**, so that a secret which comes again
    /// on another line never sets a counter back.
    pub fn add_secret(
        &mut self,
        now: Instant,
        epoch: u64,
        step: u8,
        bytes: &[u8],
        after_removal: bool,
        after: Duration,
    ) -> bool {
        let Some((context, _)) = &self.room else {
            return false;
        };
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
        self.pending = Some(Pending {
            secret: sealing,
            use_at: now + after,
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
        let after = self.pending.as_ref().map_or(Duration::ZERO, |pending| {
            pending.use_at.saturating_duration_since(now)
        });
        let bytes = bytes.to_vec();
        self.add_secret(now, epoch, step, &bytes, false, after)
    }

    fn newest(&self) -> Option<&Secret> {
        self.pending
            .as_ref()
            .map(|pending| &pending.secret)
            .or(self.current.as_ref())
    }

    /// Begins to seal with a secret whose time has come.
    fn turn(&mut self, now: Instant) {
        if let Some(pending) = self.pending.take_if(|pending| pending.use_at <= now) {
            self.current = Some(pending.secret);
            self.sealers.clear();
        }
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
            .open_uncounted(now, Track::Data, Codec::Data, None, frame)
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
