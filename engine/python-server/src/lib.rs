// SPDX-License-Identifier: Apache-2.0
//! Python module `sealroom.media._engine`: the media engine behind five methods, and WebSocket connections. Commands and
//! events cross at control rate; packets never do.

mod sockets;

use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use node::{EngineConfig, EngineError as NodeError};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use shard::Command;

create_exception!(
    _engine,
    EngineError,
    PyException,
    "The media engine did not do it; the text begins with a stable code."
);

/// Version of the boundary: changes whenever commands, events or methods do. Python compares it before it starts.
const FACE: u32 = 7;

/// One media engine: a thread with its sockets.
#[pyclass(frozen, module = "sealroom.media._engine")]
struct Engine {
    engine: Mutex<Option<node::Engine>>,
    /// The process that started it: after a fork the thread is not there.
    process: u32,
}

fn raised(error: &NodeError) -> PyErr {
    EngineError::new_err(error.to_string())
}

impl Engine {
    fn lock(&self) -> PyResult<MutexGuard<'_, Option<node::Engine>>> {
        if std::process::id() != self.process {
            return Err(EngineError::new_err(
                "engine_forked: start the engine in the process that uses it",
            ));
        }
        Ok(self.engine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, what: impl FnOnce(&node::Engine) -> Result<T, NodeError>) -> PyResult<T> {
        let engine = self.lock()?;
        what(engine.as_ref().ok_or_else(|| raised(&NodeError::Closed))?)
            .map_err(|error| raised(&error))
    }
}

#[pymethods]
impl Engine {
    /// Starts an engine with the settings of `node::EngineConfig` as JSON.
    #[new]
    fn new(py: Python<'_>, config: &[u8]) -> PyResult<Self> {
        let config: EngineConfig = serde_json::from_slice(config)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let engine = py
            .detach(|| node::Engine::start(&config))
            .map_err(|error| raised(&error))?;
        Ok(Self {
            engine: Mutex::new(Some(engine)),
            process: std::process::id(),
        })
    }

    /// The addresses that media is taken on, as (ip, port).
    fn addresses(&self) -> PyResult<Vec<(String, u16)>> {
        self.with(|engine| {
            Ok(engine
                .addresses()
                .iter()
                .map(|one| (one.ip().to_string(), one.port()))
                .collect())
        })
    }

    /// SHA-256 fingerprint of the DTLS certificate, as SDP writes it.
    #[getter]
    fn fingerprint(&self) -> PyResult<String> {
        self.with(|engine| Ok(engine.fingerprint().to_owned()))
    }

    /// A descriptor that is readable while events wait.
    fn fileno(&self) -> PyResult<i32> {
        self.with(|engine| Ok(engine.as_raw_fd()))
    }

    /// Queues a command (`shard::Command` as JSON). Never blocks.
    fn send(&self, command: &[u8]) -> PyResult<()> {
        let command: Command = serde_json::from_slice(command)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.with(|engine| engine.send(command))
    }

    /// Takes all events that wait: each a `shard::Event` as JSON.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let mut events = Vec::new();
        self.with(|engine| {
            engine.drain(&mut events);
            Ok(())
        })?;
        let encoded = events
            .iter()
            .map(serde_json::to_vec)
            .collect::<Result<Vec<_>, _>>();
        let encoded = encoded.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(encoded
            .iter()
            .map(|event| PyBytes::new(py, event))
            .collect())
    }

    /// (CPU seconds of the thread, datagrams unsent for a full buffer, unsent for another reason, never read).
    fn load(&self) -> PyResult<(f64, u64, u64, u64)> {
        self.with(|engine| {
            let (full, failed) = engine.unsent();
            let cpu = engine.cpu_time().as_secs_f64();
            Ok((cpu, full, failed, engine.unread()))
        })
    }

    /// Stops and joins the thread. A second call does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.lock()?.take();
        py.detach(|| drop(engine));
        Ok(())
    }
}

/// Media engine of the operator's side.
#[pymodule(gil_used = false)]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("FACE", FACE)?;
    module.add("EngineError", module.py().get_type::<EngineError>())?;
    module.add_class::<Engine>()?;
    sockets::add(module)
}
