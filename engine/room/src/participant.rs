// SPDX-License-Identifier: Apache-2.0
//! One participant: its rights, what it publishes, its receive slots, and what it may be sent again.

use std::time::{Duration, Instant};

use transport::session::{Kind, Rights, Track};

use crate::counters::Refusal;
use crate::meter::Meter;
use crate::peers::PeerKey;
use crate::slot::Slot;

/// The same packet is not sent again to the same subscriber within this time: its NACK crosses our answer.
const REPEAT_AFTER: Duration = Duration::from_millis(20);
/// Packets whose latest retransmission is remembered; a subscriber gets at most so many in [`REPEAT_AFTER`].
const REMEMBERED: usize = 128;
/// Of every byte forwarded to it a subscriber may have this part (1/n) sent again, beside the burst.
const RESENT_SHARE: u64 = 2;
/// What may be sent again at once, in bytes. Higher repairs longer outages and makes larger bursts.
const RESENT_BURST: u64 = 128 * 1024;

/// A participant of the room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) key: PeerKey,
    pub(crate) peer: u64,
    pub(crate) rights: Rights,
    /// Whether its transport ever came up: before, nothing is sent and no key frame wasted on it.
    pub(crate) connected: bool,
    pub(crate) slots: Vec<Slot>,
    /// Indices among the room's tracks, in the order of the session's sends.
    pub(crate) tracks: Vec<u32>,
    pub(crate) resent: Resent,
    pub(crate) meter: Meter,
    pub(crate) audio_changed: bool,
}

impl Participant {
    /// Whether it may receive this kind of track.
    pub(crate) fn may_receive(&self, track: Track) -> bool {
        self.rights
            .contains(Rights::ENTER.with(track.receive_right()))
    }

    /// Whether it may send this kind of track.
    pub(crate) fn may_send(&self, track: Track) -> bool {
        self.rights.contains(Rights::ENTER.with(track.send_right()))
    }

    pub(crate) fn audio_slots(&self) -> impl Iterator<Item = (u16, &Slot)> {
        (0_u16..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.kind == Kind::Audio)
    }
}

/// Bounds what a subscriber gets sent again, so that NACKs amplify nothing.
#[derive(Debug)]
pub(crate) struct Resent {
    latest: Box<[Option<Instant>]>,
    budget: u64,
}

impl Resent {
    pub(crate) fn new() -> Self {
        Self {
            latest: vec![None; REMEMBERED].into_boxed_slice(),
            budget: RESENT_BURST,
        }
    }

    /// A packet was forwarded: some of its bytes may be sent again.
    pub(crate) fn earn(&mut self, bytes: usize) {
        self.budget = RESENT_BURST.min(self.budget + bytes as u64 / RESENT_SHARE);
    }

    /// Takes note of a retransmission that is about to be made.
    ///
    /// # Errors
    /// [`Refusal::NackRepeated`] or [`Refusal::NackOverBudget`].
    pub(crate) fn spend(
        &mut self,
        now: Instant,
        slot: u16,
        sequence: u64,
        bytes: usize,
    ) -> Result<(), Refusal> {
        let place = (sequence as usize).wrapping_add(usize::from(slot) * 31) % REMEMBERED;
        let latest = self.latest.get_mut(place).ok_or(Refusal::NackRepeated)?;
        // Another packet in this place blocks it, too: a bound that cannot be got around by choosing numbers.
        if latest.is_some_and(|at| now.saturating_duration_since(at) < REPEAT_AFTER) {
            return Err(Refusal::NackRepeated);
        }
        self.budget = self
            .budget
            .checked_sub(bytes as u64)
            .ok_or(Refusal::NackOverBudget)?;
        *latest = Some(now);
        Ok(())
    }
}
