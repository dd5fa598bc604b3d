// SPDX-License-Identifier: Apache-2.0
//! The thread, and who may come in.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Settings;
use crate::crowd::Crowd;
use crate::events::{Event, Events};
use crate::opening::open;
use crate::tls::{CertificateError, Current, Pair};

/// How long nothing is accepted when the process has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a listener does not start.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address cannot be bound, or the thread not be started.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Counters from the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
}

/// What a listener has seen since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Connections taken from the kernel.
    pub accepted: u64,
    /// Cut at once: too many of them, or of their address, were on their way in.
    pub turned_away: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
}

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) tls: Option<Current>,
    pub(crate) events: Arc<Events>,
    pub(crate) counted: Counters,
    crowd: Arc<Crowd>,
    ids: AtomicU64,
}

impl Shared {
    /// A number that no other connection of this listener has.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }
}

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Accepting,
    /// Those there are go on.
    Serving,
    Ended,
}

/// A listening address with its thread. **Dropped, it cuts every connection.**
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    /// Binds and serves, with TLS where there is a certificate.
    ///
    /// # Errors
    /// If the address cannot be bound or the certificate not be served.
    pub fn start(settings: Settings, pair: Option<&Pair>) -> Result<Self, ListenError> {
        let tls = pair.map(Current::new).transpose()?;
        let socket = bound(&settings)?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared {
            tls,
            events: Arc::new(Events::new()?),
            counted: Counters::default(),
            crowd: Arc::new(Crowd::new(
                settings.max_opening,
                settings.max_opening_per_address,
            )),
            ids: AtomicU64::new(1),
            settings,
        });
        let (phase, phases) = watch::channel(Phase::Accepting);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("wss".to_owned())
            .spawn(move || {
                // Dropping the runtime drops every connection with it.
                runtime.block_on(run(socket, serving, phases));
            })?;
        Ok(Self {
            shared,
            address,
            phase,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The address, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves another certificate to connections that come from now on.
    ///
    /// # Errors
    /// If it cannot be served; then the old one is, still.
    pub fn set_certificate(&self, pair: &Pair) -> Result<(), CertificateError> {
        self.shared.tls.as_ref().map_or(Ok(()), |tls| tls.set(pair))
    }

    /// Takes everything that happened, in order.
    #[must_use]
    pub fn drain(&self) -> Vec<Event> {
        self.shared.events.drain()
    }

    /// Counters.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let counters = &self.shared.counted;
        Counted {
            accepted: counters.accepted.load(Ordering::Relaxed),
            turned_away: counters.turned_away.load(Ordering::Relaxed),
            handshakes_failed: counters.handshakes_failed.load(Ordering::Relaxed),
        }
    }

    /// Whether its thread runs: a fault that ended it ended every connection with it.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Accepts nobody more, and frees the address. Connections there are go on.
    pub fn stop_accepting(&self) {
        self.phase.send_if_modified(|phase| {
            let was_accepting = *phase == Phase::Accepting;
            if was_accepting {
                *phase = Phase::Serving;
            }
            was_accepting
        });
    }

    /// Cuts every connection and ends the thread. A second call does nothing.
    pub fn close(&self) {
        self.phase.send_replace(Phase::Ended);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.shared.events.as_raw_fd()
    }
}

/// A socket that may take the port of a server that ended a moment ago.
fn bound(settings: &Settings) -> io::Result<StdListener> {
    let domain = Domain::for_address(settings.listen);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if settings.listen.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&settings.listen.into())?;
    socket.listen(settings.backlog)?;
    Ok(socket.into())
}

async fn run(socket: StdListener, shared: Arc<Shared>, mut phases: watch::Receiver<Phase>) {
    let events = Arc::clone(&shared.events);
    tokio::spawn(async move { events.wake_in_time().await });
    if let Ok(listener) = TcpListener::from_std(socket) {
        tokio::select! {
            () = accept(&listener, &shared) => {}
            _ = phases.wait_for(|phase| *phase != Phase::Accepting) => {}
        }
    }
    let _ = phases.wait_for(|phase| *phase == Phase::Ended).await;
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((tcp, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        shared.counted.accepted.fetch_add(1, Ordering::Relaxed);
        let Some(place) = shared.crowd.admit(peer.ip()) else {
            shared.counted.turned_away.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        // Messages are small and each is awaited: none waits for more to go with it.
        let _ = tcp.set_nodelay(true);
        tokio::spawn(open(tcp, peer, Arc::clone(shared), place));
    }
}
