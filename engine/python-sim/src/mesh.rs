// SPDX-License-Identifier: Apache-2.0
//! Members' key rings on a virtual network, without an engine between them: the same keys, frame cipher and waiting as a
//! client has, and thousands of frames a millisecond.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use client::{Keys, Waiting};
use netsim::{Link, Network, Seeded};
use sframe::{Codec, Refusal, RoomContext, Track};

/// Bytes in front of a sealed frame that say which one it is, for the account only.
const NAME: usize = 6;

/// What became of one frame at one member.
pub(crate) struct Fate {
    pub(crate) at: Duration,
    pub(crate) receiver: u16,
    pub(crate) sender: u16,
    pub(crate) number: u32,
    /// The roster index that sealed it, or why it was refused.
    pub(crate) opened: Result<u16, Refusal>,
}

struct Member {
    keys: Keys,
    waiting: Waiting<Vec<u8>>,
    /// The number of its next frame.
    next: u32,
}

/// Members, of whom each hears every other.
pub(crate) struct Mesh {
    start: Instant,
    now: Instant,
    network: Network,
    members: Vec<Member>,
    fates: Vec<Fate>,
}

fn address(member: usize) -> SocketAddr {
    let [high, low] = u16::try_from(member).unwrap_or(u16::MAX).to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 6_000))
}

/// What a frame holds before it is sealed: its name, so that nothing else passes for it.
fn body(name: &[u8]) -> Vec<u8> {
    name.repeat(4)
}

impl Mesh {
    /// Every pair has a link of its own: a delay up to `delay`, and `jitter` beyond it, in which frames overtake each other.
    pub(crate) fn new(seed: u64, jitter: Duration) -> Self {
        let usual = Link {
            jitter,
            ..Link::default()
        };
        let start = Instant::now();
        Self {
            start,
            now: start,
            network: Network::new(Seeded::new(seed).next(), usual),
            members: Vec::new(),
            fates: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self) -> usize {
        self.members.push(Member {
            keys: Keys::default(),
            waiting: Waiting::default(),
            next: 0,
        });
        self.members.len() - 1
    }

    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn set_link(&mut self, from: usize, to: usize, delay: Duration, jitter: Duration) {
        let link = Link {
            delay,
            jitter,
            ..Link::default()
        };
        self.network.set_link(address(from), address(to), link);
    }

    pub(crate) fn set_room(&mut self, member: usize, context: RoomContext, index: u16) {
        if let Some(member) = self.members.get_mut(member) {
            member.keys.set_room(context, index);
        }
    }

    pub(crate) fn add_secret(
        &mut self,
        member: usize,
        (epoch, step): (u64, u8),
        secret: &[u8],
        after_removal: bool,
        after: Duration,
    ) -> bool {
        let now = self.now;
        let Some(one) = self.members.get_mut(member) else {
            return false;
        };
        let keys = &mut one.keys;
        let taken = keys.add_secret(now, epoch, step, secret, after_removal, after);
        self.retry(member);
        taken
    }

    pub(crate) fn step(&mut self, member: usize, epoch: u64, step: u8) -> bool {
        let now = self.now;
        let one = self.members.get_mut(member);
        one.is_some_and(|one| one.keys.step(now, epoch, step))
    }

    /// Seals the next frame of a member and sends it to all others; returns its number and what was sealed.
    pub(crate) fn talk(&mut self, member: usize) -> Option<(u32, Vec<u8>)> {
        let one = self.members.get_mut(member)?;
        let mut sent = u16::try_from(member).ok()?.to_be_bytes().to_vec();
        sent.extend_from_slice(&one.next.to_be_bytes());
        let plain = body(&sent);
        let sealed = one.keys.seal(self.now, Track::Audio, Codec::Opus, &plain)?;
        let sealed = sealed.ok()?;
        let number = one.next;
        one.next += 1;
        sent.extend_from_slice(&sealed);
        for to in (0..self.members.len()).filter(|to| *to != member) {
            self.network
                .send(self.now, address(member), address(to), &sent);
        }
        Some((number, sealed))
    }

    /// Everything that happens until `time` has passed since the beginning.
    pub(crate) fn run_to(&mut self, time: Duration) {
        let end = self.start + time;
        loop {
            let overdue = self.members.iter().filter_map(|one| one.waiting.deadline());
            let next = overdue.chain(self.network.next_arrival()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            while let Some(arrival) = self.network.arrival(self.now) {
                let [.., high, low] = octets(arrival.to);
                let to = usize::from(u16::from_be_bytes([high, low]));
                self.judge(to, self.now, arrival.bytes);
            }
            for member in 0..self.members.len() {
                let first = self
                    .members
                    .get(member)
                    .and_then(|one| one.waiting.deadline());
                if first.is_some_and(|first| first <= self.now) {
                    self.retry(member);
                }
            }
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn take_fates(&mut self) -> Vec<Fate> {
        std::mem::take(&mut self.fates)
    }

    fn retry(&mut self, member: usize) {
        let waiting = self.members.get_mut(member).map(|one| one.waiting.take());
        for (since, frame) in waiting.into_iter().flatten() {
            self.judge(member, since, frame);
        }
    }

    fn judge(&mut self, to: usize, since: Instant, frame: Vec<u8>) {
        let now = self.now;
        let (Some(one), Some((name, sealed))) =
            (self.members.get_mut(to), frame.split_at_checked(NAME))
        else {
            return;
        };
        let opened = one
            .keys
            .try_open(now, Track::Audio, Codec::Opus, None, sealed);
        let opened = match opened {
            Ok(opened) if opened.frame == body(name) => Ok(opened.index),
            // Another frame than was sent under this name: as bad as one with a wrong tag.
            Ok(_) => Err(Refusal::BadTag),
            Err(reason) => Err(reason),
        };
        let [a, b, c, d, e, f] = name.first_chunk().copied().unwrap_or_default();
        if opened == Err(Refusal::NoKey) && one.waiting.keep(now, since, frame).is_ok() {
            return;
        }
        self.fates.push(Fate {
            at: now - self.start,
            receiver: u16::try_from(to).unwrap_or(u16::MAX),
            sender: u16::from_be_bytes([a, b]),
            number: u32::from_be_bytes([c, d, e, f]),
            opened,
        });
    }
}

fn octets(address: SocketAddr) -> [u8; 4] {
    match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    }
}
