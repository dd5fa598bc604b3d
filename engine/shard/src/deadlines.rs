// SPDX-License-Identifier: Apache-2.0
//! Who wants to be called next: a binary heap in which every member knows its place, so that a deadline moves in
//! O(log n) and none is ever in it twice.

use std::time::Instant;

const ABSENT: u32 = u32::MAX;

/// Deadlines of things that have small numbers.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: Vec<(Instant, u32)>,
    /// Of each member its place in the heap.
    places: Vec<u32>,
}

impl Deadlines {
    /// Sets, moves or clears a deadline.
    pub(crate) fn set(&mut self, member: u32, at: Option<Instant>) {
        let place = self.place(member);
        match (place, at) {
            (None, None) => {}
            (None, Some(at)) => {
                if self.places.len() <= member as usize {
                    self.places.resize(member as usize + 1, ABSENT);
                }
                self.heap.push((at, member));
                self.note(self.heap.len() - 1);
                self.rise(self.heap.len() - 1);
            }
            (Some(place), Some(at)) => {
                if let Some(entry) = self.heap.get_mut(place)
                    && entry.0 != at
                {
                    entry.0 = at;
                    let place = self.rise(place);
                    self.sink(place);
                }
            }
            (Some(place), None) => self.remove(place),
        }
    }

    /// The earliest deadline.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// Takes out one whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let (at, member) = *self.heap.first()?;
        if at > now {
            return None;
        }
        self.remove(0);
        Some(member)
    }

    fn place(&self, member: u32) -> Option<usize> {
        self.places
            .get(member as usize)
            .filter(|place| **place != ABSENT)
            .map(|place| *place as usize)
    }

    fn remove(&mut self, place: usize) {
        let last = self.heap.len() - 1;
        self.heap.swap(place, last);
        if let Some((_, member)) = self.heap.pop()
            && let Some(place) = self.places.get_mut(member as usize)
        {
            *place = ABSENT;
        }
        if place < last {
            self.note(place);
            let place = self.rise(place);
            self.sink(place);
        }
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.swap_if_earlier(place, parent) {
                break;
            }
            place = parent;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let earlier = |a: usize, b: usize| match (self.heap.get(a), self.heap.get(b)) {
                (Some(one), Some(other)) => one < other,
                (one, _) => one.is_some(),
            };
            let child = if earlier(left + 1, left) {
                left + 1
            } else {
                left
            };
            if child >= self.heap.len() || !self.swap_if_earlier(child, place) {
                return;
            }
            place = child;
        }
    }

    /// Changes places if the entry at `lower` is earlier than the one at `upper`. Equal times go by number, so that
    /// simulations repeat themselves.
    fn swap_if_earlier(&mut self, lower: usize, upper: usize) -> bool {
        let earlier = match (self.heap.get(lower), self.heap.get(upper)) {
            (Some(lower), Some(upper)) => lower < upper,
            _ => false,
        };
        if earlier {
            self.heap.swap(lower, upper);
            self.note(lower);
            self.note(upper);
        }
        earlier
    }

    fn note(&mut self, place: usize) {
        if let Some((_, member)) = self.heap.get(place)
            && let Some(known) = self.places.get_mut(*member as usize)
        {
            *known = place as u32;
        }
    }
}

#[cfg(test)]
mod tests;
