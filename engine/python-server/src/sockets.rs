// SPDX-License-Identifier: Apache-2.0
//! WebSocket connections for Python: one listener, its events as tuples, one handle for each connection.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use wss::{Answer, CertificateError, Event, ListenError, Pair, Payload, Request, Settings};

/// The kinds of events, as the first field of each says them.
const ASKED: u8 = 0;
const MESSAGE: u8 = 1;
const WRITABLE: u8 = 2;
const CLOSED: u8 = 3;

/// A listening address: a thread with its connections.
#[pyclass(frozen, module = "sealroom.media._engine")]
pub(crate) struct SocketListener(wss::Listener);

/// One connection.
#[pyclass(frozen, module = "sealroom.media._engine")]
struct SocketConnection(Arc<wss::Connection>);

fn pair_of((certificates, key): (Vec<u8>, Vec<u8>)) -> Pair {
    Pair { certificates, key }
}

fn unusable(error: &CertificateError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl SocketListener {
    /// Binds and serves with the settings of `wss::Settings` as JSON, and with TLS where there are certificate and key (PEM).
    #[new]
    #[pyo3(signature = (settings, certificate=None))]
    fn new(
        py: Python<'_>,
        settings: &[u8],
        certificate: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let settings: Settings = serde_json::from_slice(settings)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let pair = certificate.map(pair_of);
        py.detach(|| wss::Listener::start(settings, pair.as_ref()))
            .map(Self)
            .map_err(|error| match error {
                ListenError::Certificate(error) => unusable(&error),
                ListenError::System(error) => {
                    PyOSError::new_err((error.raw_os_error(), error.to_string()))
                }
            })
    }

    /// The address as (ip, port), with the port that was taken.
    fn address(&self) -> (String, u16) {
        let address = self.0.address();
        (address.ip().to_string(), address.port())
    }

    /// A descriptor that is readable while events wait.
    fn fileno(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Takes all events that wait.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.0
            .drain()
            .into_iter()
            .map(|event| tuple_of(py, event))
            .collect()
    }

    /// Serves another certificate to connections that come from now on.
    fn set_certificate(&self, certificates: Vec<u8>, key: Vec<u8>) -> PyResult<()> {
        self.0
            .set_certificate(&pair_of((certificates, key)))
            .map_err(|error| unusable(&error))
    }

    /// (Connections accepted, turned away at once, handshakes that failed).
    fn counted(&self) -> (u64, u64, u64) {
        let counted = self.0.counted();
        (
            counted.accepted,
            counted.turned_away,
            counted.handshakes_failed,
        )
    }

    /// Whether its thread runs.
    fn is_running(&self) -> bool {
        self.0.is_running()
    }

    /// Accepts nobody more, and frees the address.
    fn stop_accepting(&self) {
        self.0.stop_accepting();
    }

    /// Cuts every connection and ends the thread. A second call does nothing.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

#[pymethods]
impl SocketConnection {
    /// The number that its events carry.
    #[getter]
    fn id(&self) -> u64 {
        self.0.id()
    }

    /// Makes it a WebSocket.
    fn accept(&self) {
        self.0.answer(Answer::Accept);
    }

    /// Answers with an HTTP response, which ends it.
    fn respond(&self, status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8>) {
        self.0.answer(Answer::Respond {
            status,
            headers,
            body,
        });
    }

    /// Sends a text message; returns whether so much waits that its event `WRITABLE` should be waited for.
    fn send(&self, text: &str) -> bool {
        self.0.send(text.into())
    }

    /// Says that a message was taken: another may come.
    fn took(&self) {
        self.0.took();
    }

    /// Counts it no longer among those on their way in.
    fn settle(&self) {
        self.0.settle();
    }

    /// Ends the WebSocket in order, behind what waits.
    fn close(&self, code: u16, reason: String) {
        self.0.close(code, reason);
    }

    /// Cuts it, without sending what waits.
    fn cut(&self) {
        self.0.cut();
    }
}

fn tuple_of(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::Asked(connection, request) => asked(py, SocketConnection(connection), &request),
        Event::Message(id, Payload::Text(text)) => {
            (MESSAGE, id, PyString::new(py, &text)).into_pyobject(py)
        }
        Event::Message(id, Payload::Binary(octets)) => {
            (MESSAGE, id, PyBytes::new(py, &octets)).into_pyobject(py)
        }
        Event::Writable(id) => (WRITABLE, id).into_pyobject(py),
        Event::Closed(id, code) => (CLOSED, id, code).into_pyobject(py),
    }
}

fn asked<'py>(
    py: Python<'py>,
    connection: SocketConnection,
    request: &Request,
) -> PyResult<Bound<'py, PyTuple>> {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value)))
        .collect();
    (
        ASKED,
        connection.0.id(),
        connection,
        (request.peer.ip().to_string(), request.peer.port()),
        request.is_websocket,
        &request.method,
        &request.path,
        &request.query,
        headers,
    )
        .into_pyobject(py)
}

/// Adds what this file has to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (name, kind) in [
        ("ASKED", ASKED),
        ("MESSAGE", MESSAGE),
        ("WRITABLE", WRITABLE),
        ("CLOSED", CLOSED),
    ] {
        module.add(name, kind)?;
    }
    module.add_class::<SocketListener>()?;
    module.add_class::<SocketConnection>()
}
