// SPDX-License-Identifier: Apache-2.0
//! The way in: TLS, one HTTP request, the answer of whoever decides.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request as HttpRequest, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::config::seconds;
use crate::connection::{Answer, Command, Connection, Ending, Patience, converse};
use crate::crowd::Place;
use crate::events::{Event, Request};
use crate::fair::Fair;
use crate::server::Shared;

/// Room for what is read at once. Most messages are smaller; a larger one grows it for its time.
const READ_BUFFER: usize = 4 * 1024;
/// What is gathered before it is written.
const WRITE_BUFFER: usize = 16 * 1024;

/// Takes a connection through its handshake, and serves what comes of it.
pub(crate) async fn open(tcp: TcpStream, peer: SocketAddr, shared: Arc<Shared>, place: Place) {
    let Some(tls) = &shared.tls else {
        return serve(tcp, peer, shared, place).await;
    };
    let handshake = TlsAcceptor::from(tls.get()).accept(tcp);
    let limit = seconds(shared.settings.handshake_seconds);
    match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(stream)) => serve(stream, peer, shared, place).await,
        Ok(Err(_)) | Err(_) => {
            shared
                .counted
                .handshakes_failed
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How far the one request of a connection has come.
#[derive(Default)]
struct Progress {
    /// Its header is whole.
    came: Notify,
    /// The response is known.
    answered: Notify,
    /// It becomes a WebSocket.
    accepted: Mutex<Option<Accepted>>,
}

struct Accepted {
    connection: Arc<Connection>,
    commands: mpsc::UnboundedReceiver<Command>,
    ending: Ending,
}

async fn serve<S>(stream: S, peer: SocketAddr, shared: Arc<Shared>, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let held = Arc::clone(&shared);
    let settings = &held.settings;
    let close_time = seconds(settings.close_seconds);
    let progress = Arc::new(Progress::default());
    let place = Mutex::new(Some(place));
    let service = service_fn(|asked| {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Boxed: hyper gives its socket back only where the service's future may be moved.
        Box::pin(answer(
            asked,
            peer,
            Arc::clone(&shared),
            Arc::clone(&progress),
            place,
        ))
    });
    let mut served = http1::Builder::new()
        .max_buf_size(settings.max_header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut turn = poll_fn(|context| served.poll_without_shutdown(context));
    let in_time = tokio::select! {
        done = &mut turn => done.is_ok(),
        () = tokio::time::sleep(seconds(settings.header_seconds)) => return,
        () = progress.came.notified() => tokio::select! {
            done = &mut turn => done.is_ok(),
            () = progress.answered.notified() => {
                matches!(tokio::time::timeout(close_time, &mut turn).await, Ok(Ok(())))
            }
        },
    };
    if !in_time {
        return;
    }
    let parts = served.into_parts();
    let mut stream = parts.io.into_inner();
    let accepted = progress
        .accepted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(accepted) = accepted else {
        let _ = tokio::time::timeout(close_time, stream.shutdown()).await;
        return;
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(settings.max_message_bytes))
        .max_frame_size(Some(settings.max_message_bytes));
    let early = parts.read_buf.into();
    let socket =
        WebSocketStream::from_partially_read(Fair::new(stream), early, Role::Server, Some(config))
            .await;
    let Accepted {
        connection,
        commands,
        ending,
    } = accepted;
    let patience = Patience {
        send: seconds(settings.send_seconds),
        close: close_time,
    };
    converse(socket, &connection, commands, ending, patience).await;
}

/// Hands a request on and waits for what is answered. An error ends the connection without a word.
async fn answer(
    asked: HttpRequest<Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    place: Option<Place>,
) -> io::Result<Response<Full<Bytes>>> {
    progress.came.notify_one();
    // A second request on the connection: each response says that there is none.
    let place = place.ok_or(io::ErrorKind::InvalidData)?;
    let (connection, mut commands) = Connection::new(shared.next_id(), place);
    let ending = Ending::new(Arc::clone(&shared.events), Arc::clone(&connection));
    let upgraded = upgrade_of(&asked);
    let request = described(&asked, peer, upgraded.is_some());
    shared
        .events
        .push(Event::Asked(Arc::clone(&connection), request));
    let command = tokio::select! {
        () = connection.is_cut() => None,
        command = commands.recv() => command,
    };
    let Some(Command::Answer(decided)) = command else {
        return Err(io::ErrorKind::ConnectionAborted.into());
    };
    let response = match decided {
        Answer::Accept => {
            let response = upgraded.ok_or(io::ErrorKind::InvalidInput)?;
            *progress
                .accepted
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(Accepted {
                connection,
                commands,
                ending,
            });
            response
        }
        Answer::Respond {
            status,
            headers,
            body,
        } => response_of(status, headers, body).ok_or(io::ErrorKind::InvalidInput)?,
    };
    progress.answered.notify_one();
    Ok(response)
}

/// The response that makes a WebSocket of a request; `None` where none can be made of it (RFC 6455 section 4.2.1).
fn upgrade_of(asked: &HttpRequest<Incoming>) -> Option<Response<Full<Bytes>>> {
    let headers = asked.headers();
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    let is_one = asked.method() == Method::GET
        && asked.version() == Version::HTTP_11
        && headers.get_all(HOST).iter().count() == 1
        && !has_body
        && names(headers, &CONNECTION, "upgrade")
        && names(headers, &UPGRADE, "websocket")
        && only(headers, &SEC_WEBSOCKET_VERSION)? == "13";
    let key = only(headers, &SEC_WEBSOCKET_KEY)?.as_bytes();
    // 16 bytes in base64.
    let is_key = key.len() == 24
        && key.ends_with(b"==")
        && key
            .iter()
            .take(22)
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    if !is_one || !is_key {
        return None;
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let said = response.headers_mut();
    said.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    said.insert(UPGRADE, HeaderValue::from_static("websocket"));
    said.insert(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key).parse().ok()?);
    Some(response)
}

/// Whether a token stands in a list, which may go over several lines (RFC 9110 section 5.6.1).
fn names(headers: &HeaderMap, list: &HeaderName, token: &str) -> bool {
    headers
        .get_all(list)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn described(asked: &HttpRequest<Incoming>, peer: SocketAddr, is_websocket: bool) -> Request {
    let target = asked.uri();
    Request {
        peer,
        is_websocket,
        method: asked.method().as_str().to_owned(),
        path: target.path().to_owned(),
        query: target.query().unwrap_or_default().to_owned(),
        headers: asked
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    Bytes::copy_from_slice(name.as_ref()),
                    Bytes::copy_from_slice(value.as_bytes()),
                )
            })
            .collect(),
    }
}

/// `None` where it is no response.
fn response_of(
    status: u16,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    // One request each: what follows would be answered to nobody.
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(&name).ok()?;
        // Those of the framing are hyper's.
        if name != CONNECTION && name != CONTENT_LENGTH {
            let value = HeaderValue::from_bytes(&value).ok()?;
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}
