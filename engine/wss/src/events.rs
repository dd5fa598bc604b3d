// SPDX-License-Identifier: Apache-2.0
//! What happened, on its way to whoever collects it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use node::os::Signal;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::connection::Connection;

/// How far apart the collector is woken while much happens. A collector that is woken for each event pays more for waking than
/// for what it does then, so in a storm events are told together, as network drivers moderate interrupts. Of one connection no more
/// messages come in that time than may be untaken: 400 a second, where a device may send 60.
const BETWEEN: Duration = Duration::from_millis(10);
/// How often it may be woken at once after it had quiet: a few devices that talk wait for nothing.
const AT_ONCE: u32 = 20;

/// Something that happened to one connection. Of each connection they come in order; `Closed` is the last.
#[derive(Debug)]
pub enum Event {
    /// Somebody asks. **It waits until it is answered or gone.**
    Asked(Arc<Connection>, Request),
    /// A message. The next of this connection are read when this one was taken.
    Message(u64, Payload),
    /// What waited to be sent is little again.
    Writable(u64),
    /// It is gone, with the close code of the peer: 1005 for none, [`crate::BROKEN`] where it broke.
    Closed(u64, u16),
}

/// What a message carries.
#[derive(Debug)]
pub enum Payload {
    /// Text, valid UTF-8.
    Text(Utf8Bytes),
    /// Anything.
    Binary(Bytes),
}

/// A request's header.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub peer: SocketAddr,
    /// Whether it asks for a WebSocket, in a way that can be accepted.
    pub is_websocket: bool,
    /// As it was sent.
    pub method: String,
    /// As it was sent, percent-encoded.
    pub path: String,
    /// What stands behind the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(Bytes, Bytes)>,
}

/// The events that wait, and the descriptor that tells of them. **Bounded by what causes them**: a connection has at most so
/// many messages here as it may have untaken.
#[derive(Debug)]
pub(crate) struct Events {
    waiting: Mutex<Waiting>,
    signal: Signal,
    /// Told when events begin to wait for their time.
    held: Notify,
}

#[derive(Debug)]
struct Waiting {
    events: Vec<Event>,
    bell: Bell,
    wake: Wake,
}

/// What became of waking the collector for the events that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    /// Nothing waits.
    Idle,
    /// It will be woken when its time has come.
    Held,
    /// It was woken and has not come yet.
    Woken,
}

impl Events {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::new(Waiting {
                events: Vec::new(),
                bell: Bell::new(Instant::now()),
                wake: Wake::Idle,
            }),
            signal: Signal::new(false)?,
            held: Notify::new(),
        })
    }

    pub(crate) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        waiting.events.push(event);
        if waiting.wake == Wake::Idle {
            if waiting.bell.ring(Instant::now()) {
                self.wake(&mut waiting);
            } else {
                waiting.wake = Wake::Held;
                self.held.notify_one();
            }
        }
    }

    /// Everything that waits, in order. The descriptor is unreadable afterwards.
    pub(crate) fn drain(&self) -> Vec<Event> {
        let mut waiting = self.lock();
        self.signal.clear();
        waiting.wake = Wake::Idle;
        std::mem::take(&mut waiting.events)
    }

    /// Wakes the collector for what had to wait. Never returns.
    pub(crate) async fn wake_in_time(&self) {
        loop {
            self.held.notified().await;
            while let Some(free_at) = self.late() {
                sleep_until(free_at).await;
            }
        }
    }

    /// Wakes the collector if something waits for its time and that has come; returns when it will, if it has not.
    fn late(&self) -> Option<Instant> {
        let mut waiting = self.lock();
        // Where nothing does, it came by itself, or was woken since.
        if waiting.wake != Wake::Held {
            return None;
        }
        if !waiting.bell.ring(Instant::now()) {
            return Some(waiting.bell.free_at());
        }
        self.wake(&mut waiting);
        None
    }

    fn wake(&self, waiting: &mut Waiting) {
        waiting.wake = Wake::Woken;
        self.signal.raise();
    }

    /// A panic elsewhere leaves the queue as it was: each change to it is whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rings so often in the long run, and a few times at once after a quiet time (the virtual scheduling of GCRA, ITU-T I.371 annex A).
#[derive(Debug)]
struct Bell {
    /// When it would ring next if it rang evenly.
    next: Instant,
}

impl Bell {
    fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// Whether it rings now.
    fn ring(&mut self, now: Instant) -> bool {
        if now < self.free_at() {
            return false;
        }
        self.next = self.next.max(now) + BETWEEN;
        true
    }

    /// From when on it rings.
    fn free_at(&self) -> Instant {
        self.next
            .checked_sub(BETWEEN * (AT_ONCE - 1))
            .unwrap_or(self.next)
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{AT_ONCE, BETWEEN, Bell, Event, Events, Wake};

    async fn is_woken(events: &Events, within: Duration) -> bool {
        let limit = Instant::now() + within;
        while events.lock().wake != Wake::Woken {
            if Instant::now() > limit {
                return false;
            }
            sleep(Duration::from_millis(1)).await;
        }
        true
    }

    #[test]
    fn it_rings_a_few_times_at_once_and_then_evenly() {
        let begin = Instant::now();
        let mut bell = Bell::new(begin);
        let rung = (0..1000u32)
            .filter(|millisecond| bell.ring(begin + Duration::from_millis((*millisecond).into())))
            .count();
        let evenly = 1000 / u32::try_from(BETWEEN.as_millis()).unwrap();
        assert!((AT_ONCE + evenly - 1..=AT_ONCE + evenly).contains(&u32::try_from(rung).unwrap()));
        // After a quiet time it has all its rings at once again, and no more.
        let later = begin + Duration::from_secs(60);
        assert_eq!(
            (0..100).filter(|_| bell.ring(later)).count(),
            AT_ONCE as usize
        );
        assert_eq!(bell.free_at(), later + BETWEEN);
    }

    #[tokio::test]
    async fn what_comes_in_a_storm_is_told_together_and_none_of_it_lost() {
        let events = Arc::new(Events::new().unwrap());
        let waking = Arc::clone(&events);
        let ringer = tokio::spawn(async move { waking.wake_in_time().await });
        for number in 0..u64::from(AT_ONCE) {
            events.push(Event::Writable(number));
            assert!(
                is_woken(&events, Duration::from_secs(5)).await,
                "a few wait for nothing"
            );
            assert_eq!(events.drain().len(), 1);
        }
        // All of these have one time: the collector is woken for them once.
        let mut woken = 0;
        for number in 0..100 {
            events.push(Event::Writable(number));
        }
        let mut taken = Vec::new();
        while taken.len() < 100 {
            assert!(
                is_woken(&events, Duration::from_secs(5)).await,
                "none is told late for ever"
            );
            woken += 1;
            taken.extend(events.drain());
        }
        assert!(woken <= 2, "{woken}");
        let order: Vec<_> = taken
            .iter()
            .map(|event| {
                if let Event::Writable(number) = event {
                    *number
                } else {
                    0
                }
            })
            .collect();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        ringer.abort();
    }

    #[tokio::test]
    async fn whoever_comes_unasked_is_not_woken_for_what_he_took() {
        let events = Arc::new(Events::new().unwrap());
        let waking = Arc::clone(&events);
        let ringer = tokio::spawn(async move { waking.wake_in_time().await });
        for number in 0..=u64::from(AT_ONCE) {
            let _ = events.drain();
            events.push(Event::Writable(number));
        }
        assert_eq!(events.drain().len(), 1);
        assert!(!is_woken(&events, BETWEEN * 5).await);
        events.push(Event::Writable(0));
        assert!(
            is_woken(&events, Duration::from_secs(5)).await,
            "nor for that alone"
        );
        ringer.abort();
    }
}
