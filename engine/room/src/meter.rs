// SPDX-License-Identifier: Apache-2.0
//! How long each participant received what, as it is billed. **Between two changes nothing is counted: what holds, holds
//! for the time that passed**, so that no packet pays for it.

use std::time::{Duration, Instant};

use transport::session::Kind;

use crate::participant::Participant;
use crate::room::Room;
use crate::slab::Slab;
use crate::slot::Slot;
use crate::track::{Layer, TrackState};

/// A layer of which nothing came for this long is not received any more. Higher counts more of what has ended; lower
/// takes the pauses of a still screen for an end.
pub(crate) const COUNTS_FOR: Duration = Duration::from_secs(2);
/// The largest area of each class but the last, in pixels (TRTC billing: video duration classes).
const AREAS: [(ResolutionClass, u64); 4] = [
    (ResolutionClass::Sd, 640 * 480),
    (ResolutionClass::Hd, 1_280 * 720),
    (ResolutionClass::Fhd, 1_920 * 1_080),
    (ResolutionClass::Qhd, 2_560 * 1_440),
];

/// How large the pictures are that somebody receives at one time: their areas together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResolutionClass {
    /// Up to 640 x 480.
    Sd,
    /// Up to 1280 x 720.
    Hd,
    /// Up to 1920 x 1080.
    Fhd,
    /// Up to 2560 x 1440 ("2K").
    Qhd,
    /// Above ("4K").
    Uhd,
    /// The size of a picture does not lie open.
    Unknown,
}

impl ResolutionClass {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Sd,
        Self::Hd,
        Self::Fhd,
        Self::Qhd,
        Self::Uhd,
        Self::Unknown,
    ];

    /// The class of pictures together; `None` of no picture. One of unknown size makes the sum unknown.
    pub(crate) fn of(pictures: impl Iterator<Item = Option<(u16, u16)>>) -> Option<Self> {
        let mut sum = None;
        for picture in pictures {
            let Some((width, height)) = picture else {
                return Some(Self::Unknown);
            };
            *sum.get_or_insert(0) += u64::from(width) * u64::from(height);
        }
        let holds = |area: u64| AREAS.iter().find(|(_, most)| area <= *most);
        sum.map(|area| holds(area).map_or(Self::Uhd, |(class, _)| *class))
    }
}

/// What one participant received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time since its transport first came up.
    pub connected: Duration,
    /// Of it, the time in which video was forwarded to it, in the order of [`ResolutionClass::ALL`].
    pub video: [Duration; ResolutionClass::ALL.len()],
}

/// The meter of one participant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    connected: Option<Instant>,
    /// What it receives, and since when that is not counted yet.
    receives: Option<(ResolutionClass, Instant)>,
    video: [Duration; ResolutionClass::ALL.len()],
    /// What it receives may have changed.
    is_stale: bool,
}

impl Meter {
    pub(crate) fn connect(&mut self, now: Instant) {
        self.connected.get_or_insert(now);
    }

    /// Lets the room look again at the end of its flush.
    pub(crate) fn unsettle(&mut self, room: &mut bool) {
        self.is_stale = true;
        *room = true;
    }

    /// Counts what was received until now, and notes what is from now on.
    fn settle(&mut self, now: Instant, class: Option<ResolutionClass>) {
        self.is_stale = false;
        if self.receives.map(|(held, _)| held) != class {
            self.video = self.read(now).video;
            self.receives = class.map(|class| (class, now));
        }
    }

    pub(crate) fn read(&self, now: Instant) -> Usage {
        let mut usage = Usage {
            connected: since(now, self.connected),
            video: self.video,
        };
        if let Some((class, from)) = self.receives
            && let Some(time) = usage.video.get_mut(class as usize)
        {
            *time += now.saturating_duration_since(from);
        }
        usage
    }
}

fn since(now: Instant, from: Option<Instant>) -> Duration {
    from.map_or(Duration::ZERO, |from| now.saturating_duration_since(from))
}

impl Room {
    /// A layer's size has changed, or whether it is received at all: whoever has it is looked at again.
    pub(crate) fn unsettle_layer(&mut self, track: u32, layer: u8) {
        let Some(state) = self.tracks.get(track).filter(|track| !track.is_audio()) else {
            return;
        };
        for (participant, slot) in &state.subscriptions {
            let Some(subscriber) = self.participants.get_mut(*participant) else {
                continue;
            };
            let slot = subscriber.slots.get(usize::from(*slot));
            if slot.is_some_and(|slot| slot.layer == Some(layer)) {
                subscriber.meter.unsettle(&mut self.unsettled);
            }
        }
    }

    /// Looks again at what participants receive for whom it may have changed.
    pub(crate) fn settle_meters(&mut self, now: Instant) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        let tracks = &self.tracks;
        let all = self.participants.iter_mut();
        for (_, participant) in all.filter(|(_, p)| p.meter.is_stale) {
            let class = class_of(tracks, participant);
            participant.meter.settle(now, class);
        }
    }
}

/// The layer that flows into a slot, if anything came of it lately.
pub(crate) fn received<'a>(
    tracks: &'a Slab<TrackState>,
    slot: &Slot,
) -> Option<(&'a TrackState, &'a Layer)> {
    let track = tracks.get(slot.track?)?;
    let layer = track.layer(slot.layer?)?;
    layer.counts.then_some((track, layer))
}

fn class_of(tracks: &Slab<TrackState>, participant: &Participant) -> Option<ResolutionClass> {
    let video = participant
        .slots
        .iter()
        .filter(|slot| slot.kind == Kind::Video);
    let layers = video.filter_map(|slot| received(tracks, slot));
    ResolutionClass::of(layers.map(|(_, layer)| layer.seen.picture_size()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
