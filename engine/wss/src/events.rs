// SPDX-License-Identifier: Apache-2.0
//! What happened, on its way to whoever collects it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use node::os::Signal;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::connection::Connection;

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
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<Event>,
    /// The collector was woken and has not come yet.
    is_armed: bool,
}

impl Events {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            waiting: Mutex::default(),
            signal: Signal::new(false)?,
        })
    }

    pub(crate) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        waiting.events.push(event);
        if !std::mem::replace(&mut waiting.is_armed, true) {
            self.signal.raise();
        }
    }

    /// Everything that waits, in order. The descriptor is unreadable afterwards.
    pub(crate) fn drain(&self) -> Vec<Event> {
        let mut waiting = self.lock();
        self.signal.clear();
        waiting.is_armed = false;
        std::mem::take(&mut waiting.events)
    }

    /// A panic elsewhere leaves the queue as it was: each change to it is whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}
