// SPDX-License-Identifier: Apache-2.0
//! One connection, from its answer to its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::BROKEN;
use crate::crowd::Place;
use crate::events::{Event, Events, Payload};

/// Messages of one connection that wait to be taken. With that many, its peer is not read from.
const MAX_UNTAKEN: usize = 4;
/// Bytes that wait for a peer beyond which whoever sends should wait for [`Event::Writable`], and below which that comes.
const HIGH_WATER: usize = 64 * 1024;
const LOW_WATER: usize = 16 * 1024;
/// Pings and pongs that a peer may send at once, and in a second: each is answered or thrown away before anybody judges it.
const CONTROL_BURST: f64 = 40.0;
const CONTROL_PER_SECOND: f64 = 10.0;
/// No close code stood in the peer's close frame.
const NO_CODE: u16 = 1005;

/// What is answered to a request.
#[derive(Debug)]
pub enum Answer {
    /// It becomes a WebSocket.
    Accept,
    /// An HTTP response, and the end.
    Respond {
        /// Three digits.
        status: u16,
        /// Its header, without what the framing needs.
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        /// Its body.
        body: Vec<u8>,
    },
}

/// What is done with a connection, in order.
#[derive(Debug)]
pub(crate) enum Command {
    Answer(Answer),
    Send(Utf8Bytes),
    Close(u16, String),
}

/// The handle of a connection. Nothing here waits; what comes too late is ignored.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    commands: mpsc::UnboundedSender<Command>,
    untaken: Semaphore,
    waiting: AtomicUsize,
    cut: Notify,
    closing: Notify,
    place: Mutex<Option<Place>>,
}

impl Connection {
    pub(crate) fn new(id: u64, place: Place) -> (Arc<Self>, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let connection = Self {
            id,
            commands,
            untaken: Semaphore::new(MAX_UNTAKEN),
            waiting: AtomicUsize::new(0),
            cut: Notify::new(),
            closing: Notify::new(),
            place: Mutex::new(Some(place)),
        };
        (Arc::new(connection), receiver)
    }

    /// What events of this connection carry.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Answers the request.
    pub fn answer(&self, answer: Answer) {
        let _ = self.commands.send(Command::Answer(answer));
    }

    /// Sends a text message; returns whether [`Event::Writable`] should be waited for before the next.
    pub fn send(&self, text: Utf8Bytes) -> bool {
        let size = text.len();
        let before = self.waiting.fetch_add(size, Ordering::AcqRel);
        let _ = self.commands.send(Command::Send(text));
        before + size > HIGH_WATER
    }

    /// Says that a message was taken: another may come.
    pub fn took(&self) {
        self.untaken.add_permits(1);
    }

    /// Counts it no longer among those on their way in: it is known who it is.
    pub fn settle(&self) {
        self.place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Ends the WebSocket in order, behind what waits. **A peer that takes nothing of it is cut.**
    pub fn close(&self, code: u16, reason: String) {
        let _ = self.commands.send(Command::Close(code, reason));
        self.closing.notify_one();
    }

    /// Cuts the connection, without sending what waits.
    pub fn cut(&self) {
        self.cut.notify_one();
    }

    /// Waits until it is to be cut.
    pub(crate) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// Whether this message took what waits from much to little.
    fn sent(&self, size: usize) -> bool {
        let before = self.waiting.fetch_sub(size, Ordering::AcqRel);
        before > LOW_WATER && before - size <= LOW_WATER
    }
}

/// Tells the end of a connection, whatever ends it.
#[derive(Debug)]
pub(crate) struct Ending {
    events: Arc<Events>,
    connection: Arc<Connection>,
    code: u16,
}

impl Ending {
    pub(crate) fn new(events: Arc<Events>, connection: Arc<Connection>) -> Self {
        Self {
            events,
            connection,
            code: BROKEN,
        }
    }

    fn with(&mut self, code: u16) {
        self.code = code;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Its handle may be held for longer.
        self.connection.settle();
        self.events
            .push(Event::Closed(self.connection.id, self.code));
    }
}

/// How long the end of a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) send: Duration,
    pub(crate) close: Duration,
}

/// Serves an accepted WebSocket to its end.
pub(crate) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    connection: &Connection,
    mut commands: mpsc::UnboundedReceiver<Command>,
    mut ending: Ending,
    patience: Patience,
) {
    let events = Arc::clone(&ending.events);
    let (mut sink, mut source) = socket.split();
    let too_long = async {
        connection.closing.notified().await;
        tokio::time::sleep(patience.send + patience.close).await;
    };
    let end = tokio::select! {
        () = connection.is_cut() => return,
        () = too_long => return,
        end = read(&mut source, connection, &events) => end,
        end = write(&mut sink, connection, &events, &mut commands) => end,
    };
    let orderly = async {
        match end {
            End::ByPeer(code) => {
                ending.with(code);
                // Our half of the closing handshake was queued when its frame was read.
                let _ = sink.flush().await;
            }
            End::Refused(code) => {
                ending.with(code.into());
                let _ = sink.send(close_frame(code.into(), String::new())).await;
                // No frame is read any more; closed with bytes unread the socket would be reset, and take our frame with it.
                if let Ok(mut whole) = sink.reunite(source) {
                    let stream = whole.get_mut();
                    let _ = stream.shutdown().await;
                    let mut unread = [0; 4096];
                    while matches!(stream.read(&mut unread).await, Ok(read) if read > 0) {}
                }
                return;
            }
            End::ByUs => {
                if let Some(code) = discard(&mut source).await {
                    ending.with(code);
                }
            }
            End::Broken => return,
        }
        if let Ok(mut whole) = sink.reunite(source) {
            let _ = whole.get_mut().shutdown().await;
        }
    };
    tokio::select! {
        () = connection.is_cut() => {}
        _ = tokio::time::timeout(patience.close, orderly) => {}
    }
}

/// Why one direction ended.
enum End {
    ByPeer(u16),
    ByUs,
    Refused(CloseCode),
    Broken,
}

async fn read<R>(source: &mut R, connection: &Connection, events: &Events) -> End
where
    R: StreamExt<Item = Result<Message, Error>> + Unpin,
{
    let mut control = Allowance::new();
    loop {
        let Ok(place) = connection.untaken.acquire().await else {
            return End::Broken;
        };
        let payload = loop {
            match source.next().await {
                Some(Ok(Message::Text(text))) => break Payload::Text(text),
                Some(Ok(Message::Binary(octets))) => break Payload::Binary(octets),
                Some(Ok(Message::Close(frame))) => {
                    return End::ByPeer(frame.map_or(NO_CODE, |frame| frame.code.into()));
                }
                Some(Ok(_)) if control.takes() => {}
                Some(Ok(_)) => return End::Refused(CloseCode::Policy),
                Some(Err(error)) => return refusal(&error),
                None => return End::Broken,
            }
        };
        place.forget();
        events.push(Event::Message(connection.id, payload));
    }
}

/// How many control frames a peer has left.
struct Allowance {
    level: f64,
    at: Instant,
}

impl Allowance {
    fn new() -> Self {
        Self {
            level: CONTROL_BURST,
            at: Instant::now(),
        }
    }

    fn takes(&mut self) -> bool {
        let now = Instant::now();
        let gained = now.duration_since(self.at).as_secs_f64() * CONTROL_PER_SECOND;
        self.at = now;
        self.level = (self.level + gained).min(CONTROL_BURST) - 1.0;
        self.level >= 0.0
    }
}

fn refusal(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::Refused(CloseCode::Size),
        // No frame that breaks a rule: there is nobody to tell of it.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Broken,
        Error::Protocol(_) => End::Refused(CloseCode::Protocol),
        Error::Utf8(_) => End::Refused(CloseCode::Invalid),
        _ => End::Broken,
    }
}

async fn write<W>(
    sink: &mut W,
    connection: &Connection,
    events: &Events,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> End
where
    W: SinkExt<Message, Error = Error> + Unpin,
{
    while let Some(command) = commands.recv().await {
        let mut next = Some(command);
        // What waits together leaves together.
        while let Some(command) = next {
            match command {
                Command::Send(text) => {
                    let size = text.len();
                    if sink.feed(Message::Text(text)).await.is_err() {
                        return End::Broken;
                    }
                    if connection.sent(size) {
                        if sink.flush().await.is_err() {
                            return End::Broken;
                        }
                        events.push(Event::Writable(connection.id));
                    }
                }
                Command::Close(code, reason) => {
                    let frame = close_frame(code, reason);
                    return sink.send(frame).await.map_or(End::Broken, |()| End::ByUs);
                }
                Command::Answer(_) => {}
            }
            next = commands.try_recv().ok();
        }
        if sink.flush().await.is_err() {
            return End::Broken;
        }
    }
    End::Broken
}

/// Reads on until the peer closes too; returns its code.
async fn discard<R>(source: &mut R) -> Option<u16>
where
    R: StreamExt<Item = Result<Message, Error>> + Unpin,
{
    while let Some(Ok(message)) = source.next().await {
        if let Message::Close(frame) = message {
            return Some(frame.map_or(NO_CODE, |frame| frame.code.into()));
        }
    }
    None
}

fn close_frame(code: u16, reason: String) -> Message {
    Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }))
}
