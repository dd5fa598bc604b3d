// SPDX-License-Identifier: Apache-2.0
//! Python module `sealroom_sim._native`: the operator's engine and members' clients on one virtual network, in virtual
//! time. It sees both sides, so it is for tests and never shipped.

mod mesh;
mod rings;
mod world;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use _native::{event_tuple, track_name, track_of};
use client::{ClientConfig, ClientError};
use netsim::Link;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use sframe::{Codec, Opener, RoomContext, RoomKind, Sealer, Secret, Suite, Track};

use world::{Member, World as Core};

/// An engine, its clients, the network between them and their clock.
///
/// Python may drop it on any thread, where its garbage is collected; the core can be sent there but not shared, hence the lock, which
/// nobody ever waits for.
#[pyclass(module = "sealroom_sim._native")]
struct World {
    core: Mutex<Core>,
}

fn wrong(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

impl World {
    fn core(&mut self) -> &mut Core {
        self.core.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn member(&mut self, number: usize) -> PyResult<&mut Member> {
        let none = || PyIndexError::new_err("there is no such client");
        self.core().members.get_mut(number).ok_or_else(none)
    }
}

#[pymethods]
impl World {
    #[new]
    #[pyo3(signature = (seed, *, loss = 0, delay_ms = 2, jitter_ms = 0))]
    fn new(seed: u64, loss: u16, delay_ms: u64, jitter_ms: u64) -> PyResult<Self> {
        let link = Link {
            loss,
            delay: Duration::from_millis(delay_ms),
            jitter: Duration::from_millis(jitter_ms),
            ..Link::default()
        };
        let core =
            Core::new(seed, link).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self {
            core: Mutex::new(core),
        })
    }

    #[getter]
    fn now(&mut self) -> f64 {
        self.core().passed().as_secs_f64()
    }

    #[getter]
    fn address(&mut self) -> (String, u16) {
        let address = self.core().server;
        (address.ip().to_string(), address.port())
    }

    #[getter]
    fn fingerprint(&mut self) -> &str {
        &self.core().fingerprint
    }

    #[getter]
    fn passage(&mut self) -> (u64, u64, u64) {
        let passage = self.core().network.passage();
        (passage.passed, passage.lost, passage.dropped)
    }

    fn command(&mut self, command: &[u8]) -> PyResult<()> {
        let command = serde_json::from_slice(command).map_err(wrong)?;
        self.core().command(command);
        Ok(())
    }

    fn events<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let events = std::mem::take(&mut self.core().events);
        let encode = |event| serde_json::to_vec(&event).map(|json| PyBytes::new(py, &json));
        events
            .into_iter()
            .map(|event| encode(event).map_err(wrong))
            .collect()
    }

    fn forwarded<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.core().forwarded.take())
    }

    fn run(&mut self, milliseconds: u64) {
        self.core().run(Duration::from_millis(milliseconds));
    }

    #[pyo3(signature = (audio_slots = 3, video_slots = 4, dtls = "1.2"))]
    fn add_client(
        &mut self,
        audio_slots: usize,
        video_slots: usize,
        dtls: &str,
    ) -> PyResult<usize> {
        let config = ClientConfig {
            audio_slots,
            video_slots,
            dtls_1_3: dtls == "1.3",
            ..ClientConfig::default()
        };
        self.core().add_client(config).map_err(wrong)
    }

    fn offer(&mut self, client: usize) -> PyResult<String> {
        Ok(self.member(client)?.client.offer())
    }

    fn sends(&mut self, client: usize) -> PyResult<Vec<(String, &'static str)>> {
        let sends = self.member(client)?.client.sends();
        Ok(sends.map(|(mid, track)| (mid, track_name(track))).collect())
    }

    fn restart_ice(&mut self, client: usize) -> PyResult<()> {
        let now = self.core().now();
        let member = self.member(client)?;
        member.client.restart_ice(now).map_err(wrong)
    }

    fn accept(&mut self, client: usize, answer: &str) -> PyResult<()> {
        let now = self.core().now();
        let member = self.member(client)?;
        let address = member.address;
        member.client.accept(now, answer, address).map_err(wrong)
    }

    fn set_room(&mut self, client: usize, room: &str, index: u16) -> PyResult<()> {
        let context = RoomContext {
            suite: Suite::Aes256GcmSha512,
            app: 1,
            kind: RoomKind::String,
            room: room.to_owned(),
            instance: [9; 16],
        };
        self.member(client)?.client.keys.set_room(context, index);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn enter_room(
        &mut self,
        client: usize,
        suite: u16,
        app: u32,
        kind: &str,
        room: &str,
        instance: &[u8],
        index: u16,
    ) -> PyResult<()> {
        let context = rings::context(suite, app, kind, room, instance)?;
        self.member(client)?.client.keys.set_room(context, index);
        Ok(())
    }

    fn add_secret(
        &mut self,
        client: usize,
        epoch: u64,
        step: u8,
        secret: &[u8],
        after_removal: bool,
        use_after_ms: u64,
    ) -> PyResult<bool> {
        let (now, after) = (self.core().now(), Duration::from_millis(use_after_ms));
        let client = &mut self.member(client)?.client;
        Ok(client.add_secret(now, (epoch, step), secret, after_removal, after))
    }

    fn step(&mut self, client: usize, epoch: u64, step: u8) -> PyResult<bool> {
        let now = self.core().now();
        Ok(self.member(client)?.client.keys.step(now, epoch, step))
    }

    fn bind(
        &mut self,
        client: usize,
        slot: usize,
        index: Option<u16>,
        track: &str,
    ) -> PyResult<()> {
        let track = track_of(track)?;
        let source = index.map(|index| (index, track));
        self.member(client)?.client.bind(slot, source);
        Ok(())
    }

    fn send(&mut self, client: usize, track: &str, frame: &[u8], timestamp: u32) -> PyResult<bool> {
        let (now, track) = (self.core().now(), track_of(track)?);
        let codec = if track == Track::Audio {
            Codec::Opus
        } else {
            Codec::Vp8
        };
        let sent: Result<bool, ClientError> = self
            .member(client)?
            .client
            .send(now, track, codec, frame, timestamp);
        sent.map_err(wrong)
    }

    fn client_events<'py>(
        &mut self,
        py: Python<'py>,
        client: usize,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let events = std::mem::take(&mut self.member(client)?.events);
        events
            .into_iter()
            .map(|event| event_tuple(py, event, None))
            .collect()
    }
}

/// One sender's key of H.264, at both ends.
#[pyclass(module = "sealroom_sim._native")]
struct SealedH264 {
    sealer: Sealer,
    opener: Opener,
}

#[pymethods]
impl SealedH264 {
    #[new]
    fn new(secret: &[u8]) -> PyResult<Self> {
        let secret = || Secret::new(Suite::Aes256GcmSha512, 1, 0, secret);
        let none = || PyValueError::new_err("a secret of this suite has 64 bytes");
        let sealing = secret().ok_or_else(none)?;
        let sealer = Sealer::new(&sealing, 0, Track::Main).ok_or_else(none)?;
        let mut opener = Opener::new();
        opener.add_secret(Instant::now(), secret().ok_or_else(none)?, false);
        Ok(Self { sealer, opener })
    }

    fn seal<'py>(&mut self, py: Python<'py>, frame: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let sealed = self.sealer.seal(Codec::H264, frame).map_err(wrong)?;
        Ok(PyBytes::new(py, &sealed))
    }

    fn open<'py>(&mut self, py: Python<'py>, frame: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let opened = self
            .opener
            .open(Instant::now(), Track::Main, Codec::H264, Some(0), frame)
            .map_err(|reason| PyValueError::new_err(reason.as_str()))?;
        Ok(PyBytes::new(py, &opened.frame))
    }
}

/// Both sides on a virtual network.
#[pymodule(name = "_native", gil_used = false)]
fn sim(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<World>()?;
    module.add_class::<rings::Mesh>()?;
    module.add_class::<SealedH264>()
}
