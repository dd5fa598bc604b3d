// SPDX-License-Identifier: Apache-2.0
//! Events on their way from the shard to whoever collects them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shard::Event;
use transport::session::Track;

use crate::os::Signal;

/// Telemetry that waits to be collected: beyond that the oldest goes.
pub const MAX_TELEMETRY: usize = 16_384;

/// What became of telemetry that nobody collected in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// A newer state of the same thing took its place.
    pub replaced: u64,
    /// Left out because too much waited. The states it told are unknown to the collector until they change.
    pub dropped: u64,
}

/// The events that wait, and the descriptor that tells of them.
///
/// Control events (answers, connected, left, closed, failed) are never dropped: their number is bounded by the commands that
/// cause them. Of telemetry the latest counts: a state that was not collected is replaced by its successor.
#[derive(Debug)]
pub(crate) struct Events {
    waiting: Mutex<Waiting>,
    signal: Signal,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Numbers events over both queues, so that they are handed out in the order in which they came.
    next: u64,
    control: VecDeque<(u64, Event)>,
    telemetry: BTreeMap<u64, Event>,
    /// Of each state the number of the event that tells it.
    latest: HashMap<State, u64>,
    lost: Lost,
    /// The collector was woken and has not come yet.
    is_armed: bool,
}

/// What a telemetry event tells the state of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Track(u64, Track),
    AudioSlots(u64),
    Slot(u64, u16),
    Refusal(u64, u16, u32),
}

impl State {
    const fn of(event: &Event) -> Option<Self> {
        match event {
            Event::TrackActive { peer, track, .. } => Some(Self::Track(*peer, *track)),
            Event::AudioSlots { peer, .. } => Some(Self::AudioSlots(*peer)),
            Event::Bound { peer, slot, .. } => Some(Self::Slot(*peer, *slot)),
            Event::BindRefused {
                peer,
                slot,
                generation,
                ..
            } => Some(Self::Refusal(*peer, *slot, *generation)),
            _ => None,
        }
    }
}

impl Events {
    pub(crate) fn new(portable: bool) -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::default(),
            signal: Signal::new(portable)?,
        })
    }

    /// Moves `events` behind what waits, and wakes the collector if nothing did.
    pub(crate) fn push(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        events.drain(..).for_each(|event| waiting.push(event));
        if !std::mem::replace(&mut waiting.is_armed, true) {
            self.signal.raise();
        }
    }

    /// Moves everything that waits to the end of `collected`, in order. The descriptor is unreadable afterwards.
    pub(crate) fn drain(&self, collected: &mut Vec<Event>) {
        let mut waiting = self.lock();
        self.signal.clear();
        waiting.is_armed = false;
        waiting.take(collected);
    }

    /// How many control events wait.
    pub(crate) fn uncollected(&self) -> usize {
        self.lock().control.len()
    }

    pub(crate) fn lost(&self) -> Lost {
        self.lock().lost
    }

    /// A panic elsewhere leaves the queues as they were: each change to them is whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}

impl Waiting {
    fn push(&mut self, event: Event) {
        let number = self.next;
        self.next += 1;
        let Some(state) = State::of(&event) else {
            self.control.push_back((number, event));
            return;
        };
        self.telemetry.insert(number, event);
        if let Some(older) = self.latest.insert(state, number) {
            self.telemetry.remove(&older);
            self.lost.replaced += 1;
        } else if self.telemetry.len() > MAX_TELEMETRY
            && let Some((_, oldest)) = self.telemetry.pop_first()
        {
            if let Some(state) = State::of(&oldest) {
                self.latest.remove(&state);
            }
            self.lost.dropped += 1;
        }
    }

    fn take(&mut self, all: &mut Vec<Event>) {
        all.reserve(self.control.len() + self.telemetry.len());
        let mut telemetry = std::mem::take(&mut self.telemetry).into_iter().peekable();
        for (number, event) in self.control.drain(..) {
            while let Some((_, earlier)) = telemetry.next_if(|(told, _)| *told < number) {
                all.push(earlier);
            }
            all.push(event);
        }
        all.extend(telemetry.map(|(_, event)| event));
        self.latest.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
