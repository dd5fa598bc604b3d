// SPDX-License-Identifier: Apache-2.0
//! An engine with a room, and what it told so far.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Instant;

use node::{Engine, EngineConfig, EngineError};
use shard::{Command, Event, Failure, SlotBinding, SlotSource, Stats};
use transport::session::Track;

use super::PATIENCE;
use super::caller::{Caller, Identity};
use super::media::{VIDEO_SLOT, session};

pub const ROOM: u64 = 1;

pub struct Host {
    pub engine: Engine,
    pub events: Vec<Event>,
    token: u64,
}

impl Host {
    /// An engine with one room in which sealing is required.
    pub fn start(config: &EngineConfig) -> Self {
        let mut host = Self {
            engine: Engine::start(config).unwrap(),
            events: Vec::new(),
            token: 0,
        };
        let added = host.ask(|token| Command::AddRoom {
            token: Some(token),
            room: ROOM,
            sealing_required: true,
        });
        assert_eq!(added, None);
        host
    }

    pub fn on(addresses: &[&str]) -> Self {
        Self::start(&config(addresses))
    }

    pub fn address(&self, index: usize) -> SocketAddr {
        self.engine.addresses()[index]
    }

    /// A token that was not used yet.
    pub fn token(&mut self) -> u64 {
        self.token += 1;
        self.token
    }

    /// Waits until an event is what is looked for; it and those before stay in `events`.
    pub fn wait<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let (mut seen, limit) = (0, Instant::now() + PATIENCE);
        loop {
            if let Some(found) = self.events[seen..].iter().find_map(&mut wanted) {
                return found;
            }
            seen = self.events.len();
            let left = limit.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no such event; told: {:?}", self.events);
            let mut poll = libc::pollfd {
                fd: self.engine.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one valid pollfd.
            unsafe { libc::poll(&raw mut poll, 1, left.as_millis() as i32) };
            self.engine.drain(&mut self.events);
        }
    }

    /// Sends a command, again while the engine is busy.
    pub fn send(&self, command: &Command) {
        while let Err(error) = self.engine.send(command.clone()) {
            assert!(matches!(error, EngineError::Busy), "{error}");
            std::thread::yield_now();
        }
    }

    /// Sends a command and waits for its answer.
    pub fn ask(&mut self, command: impl FnOnce(u64) -> Command) -> Option<Failure> {
        let wanted = self.token();
        self.send(&command(wanted));
        self.wait(|event| match event {
            Event::Result { token, error } if *token == wanted => Some(error.clone()),
            _ => None,
        })
    }

    /// Lets a peer in and has it connect to the engine's address of this index.
    pub fn join(&mut self, identity: &Identity, peer: u64, address: usize) -> Caller {
        let ufrag = format!("server{peer}");
        let agreed = Box::new(session(&ufrag, &identity.fingerprint()));
        let added = self.ask(|token| Command::AddPeer {
            token,
            room: ROOM,
            peer,
            session: agreed,
        });
        assert_eq!(added, None);
        let mut caller = Caller::new(identity, self.address(address), &ufrag);
        caller.connect();
        self.wait(|event| {
            matches!(event, Event::Connected { peer: p, .. } if *p == peer).then_some(())
        });
        caller
    }

    /// Shows a publisher's camera in a subscriber's video slot.
    pub fn show(&mut self, subscriber: u64, publisher: u64, generation: u32) {
        let source = SlotSource {
            peer: publisher,
            track: Track::Main,
            layer: 0,
        };
        let bindings = vec![SlotBinding {
            slot: VIDEO_SLOT,
            generation,
            source: Some(source),
        }];
        let bound = self.ask(|token| Command::Bind {
            token: Some(token),
            peer: subscriber,
            bindings,
        });
        assert_eq!(bound, None);
    }

    pub fn stats(&mut self) -> Stats {
        let wanted = self.token();
        self.send(&Command::Stats { token: wanted });
        self.wait(|event| match event {
            Event::Stats { token, stats } if *token == wanted => Some((**stats).clone()),
            _ => None,
        })
    }
}

pub fn config(addresses: &[&str]) -> EngineConfig {
    EngineConfig::on(
        addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
    )
}
