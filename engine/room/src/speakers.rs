// SPDX-License-Identifier: Apache-2.0
//! Who is heard: the assignment of audio tracks to the audio slots of each subscriber.
//!
//! A subscriber keeps whom it hears. A free slot takes any track that flows; a taken one changes hands only for
//! somebody who speaks now, from the one who has been silent for longest, else from a much quieter one.

use std::time::{Duration, Instant};

use rtp::AudioLevel;

use crate::participant::Participant;
use crate::room::Room;
use crate::slot::Slot;
use crate::track::TrackState;

/// Levels are in -dBov: 0 is the loudest, 127 silence (RFC 6464 section 3). Below this it is speech.
const SPEECH_LEVEL: u8 = 50;
/// What a track counts for that says nothing about its level.
const UNKNOWN_LEVEL: u8 = 49;
/// Somebody speaks until he was silent for this long. Longer makes slots change hands less often.
const SPEAKS_FOR: Duration = Duration::from_millis(500);
/// A slot of somebody who speaks stays his at least so long.
const KEPT_FOR: Duration = Duration::from_secs(2);
/// By how many dB one has to be louder to take the slot of another who speaks too.
const LOUDER_BY: u8 = 10;

/// What the room knows of the voice in an audio track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Voice {
    spoke: Option<Instant>,
    /// Smoothed level while speaking, in -dBov.
    level: u8,
    /// Of the newest packet, where it tells.
    pub(crate) newest: Option<u8>,
}

impl Voice {
    pub(crate) fn hear(&mut self, now: Instant, level: Option<AudioLevel>) {
        self.newest = level.map(|level| level.level_dbov);
        let heard = self.newest.unwrap_or(UNKNOWN_LEVEL);
        if heard >= SPEECH_LEVEL {
            return;
        }
        let known = if self.speaks(now) { self.level } else { heard };
        self.level = ((u16::from(known) * 3 + u16::from(heard)) / 4) as u8;
        self.spoke = Some(now);
    }

    pub(crate) fn speaks(&self, now: Instant) -> bool {
        self.spoke
            .is_some_and(|spoke| now.saturating_duration_since(spoke) < SPEAKS_FOR)
    }
}

impl Room {
    /// Fills free audio slots and lets speakers take slots. Cheap when nothing changed: it allocates nothing and
    /// touches no slot.
    pub(crate) fn assign_audio(&mut self, now: Instant) {
        self.audio_stale = false;
        let mut order = std::mem::take(&mut self.audio_order);
        order.clear();
        let audible = |track: &TrackState| track.is_audio() && !track.flowing.is_empty();
        order.extend(
            self.tracks
                .iter()
                .filter(|(_, track)| audible(track))
                .map(|(index, _)| index),
        );
        // Latest speakers first; of those who never spoke, the first to come.
        order.sort_unstable_by_key(|index| {
            let spoke = self.tracks.get(*index).and_then(|track| track.voice.spoke);
            (std::cmp::Reverse(spoke), *index)
        });
        for participant in 0..self.participants.end() {
            for track in &order {
                self.offer_audio(now, participant, *track);
            }
        }
        self.audio_order = order;
    }

    /// Gives a track a slot of this subscriber, if it has none yet and one is free or can be taken.
    fn offer_audio(&mut self, now: Instant, participant: u32, index: u32) {
        let Some(track) = self.tracks.get(index) else {
            return;
        };
        let Some(subscriber) = self.participants.get(participant) else {
            return;
        };
        if track.owner == participant
            || subscriber
                .audio_slots()
                .any(|(_, slot)| slot.track == Some(index))
        {
            return;
        }
        let free = subscriber
            .audio_slots()
            .find(|(_, slot)| slot.track.is_none())
            .map(|(number, _)| number);
        let speaker = track.voice;
        let taken = || {
            speaker
                .speaks(now)
                .then(|| self.yielding_slot(now, subscriber, speaker))
                .flatten()
        };
        if let Some(slot) = free.or_else(taken) {
            self.assign_audio_slot(now, participant, slot, index);
        }
    }

    /// The slot that a speaker may take: the one silent for longest, or else the quietest if it is much quieter.
    fn yielding_slot(&self, now: Instant, subscriber: &Participant, speaker: Voice) -> Option<u16> {
        let voice_of = |slot: &Slot| self.tracks.get(slot.track?).map(|track| track.voice);
        let voices = || {
            subscriber
                .audio_slots()
                .filter_map(|(number, slot)| Some((number, voice_of(slot)?, slot)))
        };
        let silent = voices()
            .filter(|(_, voice, _)| !voice.speaks(now))
            .min_by_key(|(_, voice, _)| voice.spoke);
        if let Some((number, _, _)) = silent {
            return Some(number);
        }
        let kept = |since: Instant| now.saturating_duration_since(since) >= KEPT_FOR;
        let (number, voice, _) = voices()
            .filter(|(_, _, slot)| slot.assigned.is_some_and(kept))
            .max_by_key(|(_, voice, _)| voice.level)?;
        (voice.level >= speaker.level.saturating_add(LOUDER_BY)).then_some(number)
    }

    fn assign_audio_slot(&mut self, now: Instant, participant: u32, slot: u16, track: u32) {
        self.unsubscribe(participant, slot);
        self.subscribe(participant, slot, track);
        if let Some(slot) = self.slot_mut(participant, slot) {
            slot.assigned = Some(now);
            slot.target = Some(0);
        }
        self.note_audio_change(participant);
    }
}
