// SPDX-License-Identifier: Apache-2.0
//! A client on a thread with a socket of its own.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::ClientError;
use crate::event::Event;

/// Longest wait for a datagram: bounds how late a timer or a stop is seen.
const LONGEST_WAIT: Duration = Duration::from_millis(20);
const MOST_DATAGRAM: usize = 2_048;

struct State {
    client: Client,
    socket: Option<(UdpSocket, SocketAddr)>,
    signalled: bool,
    failed: Option<ClientError>,
}

struct Shared {
    state: Mutex<State>,
    wake: PipeWriter,
    stop: AtomicBool,
}

/// Drives one [`Client`]. Dropping it ends the connection and joins the thread.
pub struct Runner {
    shared: Arc<Shared>,
    woken: PipeReader,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sends what waits; wakes the collector when the first event comes.
    fn flush(&mut self, mut wake: &PipeWriter) {
        while let Some(outgoing) = self.client.poll_transmit() {
            if let Some((socket, _)) = &self.socket {
                // A full buffer loses a datagram, as the network may.
                let _ = socket.send_to(&outgoing.contents, outgoing.destination);
            }
        }
        if self.client.has_events() && !self.signalled {
            self.signalled = wake.write_all(&[1]).is_ok();
        }
    }
}

impl Runner {
    /// A runner around a fresh client; nothing is sent before [`Runner::accept`].
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn new(client: Client) -> Result<Self, ClientError> {
        let (woken, wake) = io::pipe()?;
        let state = State {
            client,
            socket: None,
            signalled: false,
            failed: None,
        };
        let shared = Shared {
            state: Mutex::new(state),
            wake,
            stop: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            woken,
            thread: None,
        })
    }

    /// Does something with the client, then sends what it led to.
    pub fn with<T>(&self, what: impl FnOnce(&mut Client) -> T) -> T {
        let mut state = self.shared.lock();
        let done = what(&mut state.client);
        state.flush(&self.shared.wake);
        done
    }

    /// Takes the server's answer: binds a socket on the address that leads to the server and starts the thread.
    ///
    /// # Errors
    /// If no candidate of the answer can be reached, or the client refuses the answer.
    pub fn accept(&mut self, answer: &str) -> Result<(), ClientError> {
        if self.thread.is_some() {
            let mut state = self.shared.lock();
            let local = state
                .socket
                .as_ref()
                .map(|(_, local)| *local)
                .ok_or(ClientError::Address)?;
            state.client.accept(Instant::now(), answer, local)?;
            state.flush(&self.shared.wake);
            return Ok(());
        }
        let socket = socket_towards(answer)?;
        let local = socket.local_addr()?;
        let receiving = socket.try_clone()?;
        let mut state = self.shared.lock();
        state.client.accept(Instant::now(), answer, local)?;
        state.socket = Some((socket, local));
        state.flush(&self.shared.wake);
        drop(state);
        let shared = self.shared.clone();
        let run = move || run(&shared, &receiving, local);
        self.thread = Some(
            std::thread::Builder::new()
                .name("sealroom-client".to_owned())
                .spawn(run)?,
        );
        Ok(())
    }

    /// Takes all events that wait.
    pub fn drain(&mut self) -> Vec<Event> {
        let mut state = self.shared.lock();
        if std::mem::take(&mut state.signalled) {
            // Exactly one byte was written, so this does not wait.
            let _ = self.woken.read(&mut [0]);
        }
        std::iter::from_fn(|| state.client.poll_event()).collect()
    }

    /// Why the connection was given up, if it was.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failed.as_ref().map(ToString::to_string)
    }

    /// Ends the connection and begins another of the same member ([`Client::renew`]); nothing is sent before
    /// [`Runner::accept`]. Events of the one before are gone.
    ///
    /// # Errors
    /// If the library makes no offer.
    pub fn renew(&mut self) -> Result<(), ClientError> {
        self.close();
        self.drain();
        self.shared.stop.store(false, Ordering::Relaxed);
        let mut state = self.shared.lock();
        (state.socket, state.failed) = (None, None);
        state.client.renew(Instant::now())
    }

    /// Ends the connection and joins the thread. A second call does nothing.
    pub fn close(&mut self) {
        self.with(Client::close);
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl AsRawFd for Runner {
    /// Readable while events wait.
    fn as_raw_fd(&self) -> RawFd {
        self.woken.as_raw_fd()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.close();
    }
}

/// A socket bound to the local address that leads to the first candidate that can be reached.
fn socket_towards(answer: &str) -> Result<UdpSocket, ClientError> {
    for line in answer
        .lines()
        .filter_map(|line| line.trim().strip_prefix("a=candidate:"))
    {
        let mut words = line.split_ascii_whitespace().skip(4);
        let (Some(Ok(ip)), Some(Ok(port))) =
            (words.next().map(str::parse), words.next().map(str::parse))
        else {
            continue;
        };
        let remote = SocketAddr::new(ip, port);
        let any: SocketAddr = if remote.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0u16; 8], 0).into()
        };
        // Connecting a datagram socket sends nothing; it only asks the kernel for the route.
        let route = UdpSocket::bind(any)
            .and_then(|probe| probe.connect(remote).and_then(|()| probe.local_addr()));
        let Ok(local) = route else { continue };
        if let Ok(socket) = UdpSocket::bind((local.ip(), 0)) {
            return Ok(socket);
        }
    }
    Err(ClientError::Address)
}

fn run(shared: &Shared, socket: &UdpSocket, local: SocketAddr) {
    let mut buffer = [0; MOST_DATAGRAM];
    while !shared.stop.load(Ordering::Relaxed) {
        let wait = shared
            .lock()
            .client
            .deadline()
            .saturating_duration_since(Instant::now())
            .min(LONGEST_WAIT);
        let _ = socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
        let received = socket.recv_from(&mut buffer);
        let now = Instant::now();
        let mut state = shared.lock();
        let done = match received {
            Ok((len, source)) => state.client.handle_datagram(
                now,
                source,
                local,
                buffer.get(..len).unwrap_or_default(),
            ),
            Err(_) => Ok(()),
        };
        let done = done.and_then(|()| {
            if state.client.deadline() <= now {
                state.client.handle_timeout(now)
            } else {
                Ok(())
            }
        });
        if let Err(error) = done {
            state.failed = Some(error);
            state.client.end();
        }
        state.flush(&shared.wake);
        if state.failed.is_some() {
            return;
        }
    }
}
