// SPDX-License-Identifier: Apache-2.0
//! Python module `sealroom_customer.client._native`: one headless member. Encoded frames cross as bytes, keys go in and
//! never come out.

use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use client::{ClientConfig, ClientError as CoreError, Event, PayloadTypes, Runner, Sealing};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use sframe::{Codec, Refusal, RoomContext, RoomKind, Suite, Track};

create_exception!(
    _native,
    ClientError,
    PyException,
    "The client core did not do it; the text begins with a stable code."
);

/// Receive slots that the server takes of one client.
const MOST_SLOTS: usize = 64;
/// Version of the boundary; Python compares it.
const FACE: u32 = 3;

fn raised(error: &CoreError) -> PyErr {
    ClientError::new_err(error.to_string())
}

/// The track of a name.
///
/// # Errors
/// `ValueError` if there is none.
pub fn track_of(name: &str) -> PyResult<Track> {
    match name {
        "audio" => Ok(Track::Audio),
        "main" => Ok(Track::Main),
        "screen" => Ok(Track::Screen),
        _ => Err(PyValueError::new_err("a track is audio, main or screen")),
    }
}

/// A track's name.
#[must_use]
pub const fn track_name(track: Track) -> &'static str {
    match track {
        Track::Audio => "audio",
        Track::Main => "main",
        Track::Screen => "screen",
        Track::Data => "data",
    }
}

/// The codec of a name.
///
/// # Errors
/// `ValueError` if there is none.
pub fn codec_of(name: &str) -> PyResult<Codec> {
    match name {
        "opus" => Ok(Codec::Opus),
        "vp8" => Ok(Codec::Vp8),
        "vp9" => Ok(Codec::Vp9),
        "h264" => Ok(Codec::H264),
        _ => Err(unknown_codec()),
    }
}

fn unknown_codec() -> PyErr {
    PyValueError::new_err("a codec is opus, vp8, vp9 or h264")
}

/// The default payload types with some of them changed.
fn payload_types_of(changed: &[(String, u8)]) -> PyResult<PayloadTypes> {
    let mut types = PayloadTypes::default();
    for (name, number) in changed {
        let place = match name.as_str() {
            "opus" => &mut types.opus,
            "vp8" => &mut types.vp8,
            "vp9" => &mut types.vp9,
            "h264" => &mut types.h264,
            _ => return Err(unknown_codec()),
        };
        *place = *number;
    }
    Ok(types)
}

const fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Red => "red",
        Codec::Vp8 => "vp8",
        Codec::Vp9 => "vp9",
        Codec::H264 => "h264",
        Codec::Av1 => "av1",
        Codec::Data => "data",
    }
}

/// One member.
#[pyclass(frozen, module = "sealroom_customer.client._native")]
struct Client {
    runner: Mutex<Option<Runner>>,
}

impl Client {
    fn lock(&self) -> MutexGuard<'_, Option<Runner>> {
        self.runner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, what: impl FnOnce(&mut Runner) -> PyResult<T>) -> PyResult<T> {
        let mut runner = self.lock();
        what(runner.as_mut().ok_or_else(|| {
            ClientError::new_err("client_closed: the client was closed; make another")
        })?)
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        audio_slots = 6, video_slots = 12, dtls = "1.2", keep_sealed = false, payload_types = Vec::new(), sealing = "required"
    ))]
    fn new(
        py: Python<'_>,
        audio_slots: usize,
        video_slots: usize,
        dtls: &str,
        keep_sealed: bool,
        payload_types: Vec<(String, u8)>,
        sealing: &str,
    ) -> PyResult<Self> {
        if !matches!(dtls, "1.2" | "1.3") || audio_slots + video_slots > MOST_SLOTS {
            return Err(PyValueError::new_err(
                "dtls is 1.2 or 1.3, and there are at most 64 slots",
            ));
        }
        let config = ClientConfig {
            audio_slots,
            video_slots,
            dtls_1_3: dtls == "1.3",
            keep_sealed,
            payload_types: payload_types_of(&payload_types)?,
            sealing: match sealing {
                "required" => Sealing::Required,
                "off" => Sealing::Off,
                _ => return Err(PyValueError::new_err("sealing is required or off")),
            },
        };
        let made = py.detach(|| client::Client::new(Instant::now(), config).and_then(Runner::new));
        Ok(Self {
            runner: Mutex::new(Some(made.map_err(|error| raised(&error))?)),
        })
    }

    fn renew(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.with(|runner| runner.renew().map_err(|error| raised(&error))))
    }

    fn add_slots(&self, count: usize) -> PyResult<()> {
        self.with(|runner| {
            let added = runner.with(|client| client.add_slots(Instant::now(), count));
            added.map_err(|error| raised(&error))
        })
    }

    fn offer(&self) -> PyResult<String> {
        self.with(|runner| Ok(runner.with(|client| client.offer())))
    }

    fn sends(&self) -> PyResult<Vec<(String, &'static str)>> {
        self.with(|runner| {
            Ok(runner.with(|client| {
                client
                    .sends()
                    .map(|(mid, track)| (mid, track_name(track)))
                    .collect()
            }))
        })
    }

    fn accept(&self, py: Python<'_>, answer: &str) -> PyResult<()> {
        py.detach(|| self.with(|runner| runner.accept(answer).map_err(|error| raised(&error))))
    }

    fn set_room(
        &self,
        suite: u16,
        app: u32,
        kind: &str,
        room: &str,
        instance: &[u8],
        index: u16,
    ) -> PyResult<()> {
        let wrong = || {
            PyValueError::new_err("suite 4 or 5, kind number or string, and 16 bytes of instance")
        };
        let kind = match kind {
            "number" => RoomKind::Number,
            "string" => RoomKind::String,
            _ => return Err(wrong()),
        };
        let context = RoomContext {
            suite: Suite::from_number(suite).ok_or_else(wrong)?,
            app,
            kind,
            room: room.to_owned(),
            instance: instance.try_into().map_err(|_| wrong())?,
        };
        self.with(|runner| {
            runner.with(|client| client.keys.set_room(context, index));
            Ok(())
        })
    }

    fn add_secret(
        &self,
        epoch: u64,
        step: u8,
        secret: &[u8],
        after_removal: bool,
        use_after_ms: u64,
    ) -> PyResult<()> {
        let after = Duration::from_millis(use_after_ms);
        let taken = self.with(|runner| {
            Ok(runner.with(|client| {
                let version = (epoch, step);
                client.add_secret(Instant::now(), version, secret, after_removal, after)
            }))
        })?;
        if taken {
            Ok(())
        } else {
            Err(ClientError::new_err(
                "client_secret: not a secret of this room's suite; set the room first",
            ))
        }
    }

    fn step(&self, epoch: u64, step: u8) -> PyResult<()> {
        if self.with(|runner| {
            Ok(runner.with(|client| client.keys.step(Instant::now(), epoch, step)))
        })? {
            return Ok(());
        }
        Err(ClientError::new_err(
            "client_step: the secret before this step is not known; join the authority anew",
        ))
    }

    #[pyo3(signature = (slot, index, track))]
    fn bind(&self, slot: usize, index: Option<u16>, track: &str) -> PyResult<()> {
        let track = track_of(track)?;
        self.with(|runner| {
            runner.with(|client| client.bind(slot, index.map(|index| (index, track))));
            Ok(())
        })
    }

    #[pyo3(signature = (track, codec, frame, timestamp, layer = 0))]
    fn send(
        &self,
        py: Python<'_>,
        track: &str,
        codec: &str,
        frame: &[u8],
        timestamp: u32,
        layer: u8,
    ) -> PyResult<bool> {
        let (track, codec) = (track_of(track)?, codec_of(codec)?);
        py.detach(|| {
            self.with(|runner| {
                let sent = runner.with(|client| {
                    client.send_layer(Instant::now(), (track, layer), codec, frame, timestamp)
                });
                sent.map_err(|error| raised(&error))
            })
        })
    }

    /// The sealed body of a custom message; None before the first secret, or when the key is used up.
    fn seal_custom<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let sealed = self.with(|runner| {
            Ok(runner.with(|client| client.keys.seal_custom(Instant::now(), body)))
        })?;
        Ok(sealed
            .and_then(Result::ok)
            .map(|frame| PyBytes::new(py, &frame)))
    }

    /// (index, body) of a custom message, or why it did not open.
    fn open_custom<'py>(&self, py: Python<'py>, frame: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let opened = self.with(|runner| {
            Ok(runner.with(|client| client.keys.open_custom(Instant::now(), frame)))
        })?;
        match opened {
            Ok(opened) => Ok((opened.index, PyBytes::new(py, &opened.frame))
                .into_pyobject(py)?
                .into_any()),
            Err(reason) => Ok(reason.as_str().into_pyobject(py)?.into_any()),
        }
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (stats, refusals) = self
            .with(|runner| Ok(runner.with(|client| (client.stats(), *client.keys.refusals()))))?;
        let found = PyDict::new(py);
        found.set_item("frames_sent", stats.frames_sent)?;
        found.set_item("frames_dropped", stats.frames_dropped)?;
        found.set_item("frames_opened", stats.frames_opened)?;
        found.set_item("packets_sent", stats.packets_sent)?;
        found.set_item("packets_received", stats.packets_received)?;
        found.set_item("frames_not_taken", stats.events_dropped)?;
        found.set_item("bytes_sent", stats.bytes_sent)?;
        found.set_item("bytes_received", stats.bytes_received)?;
        for reason in Refusal::ALL {
            found.set_item(format!("refused_{}", reason.as_str()), refusals.of(reason))?;
        }
        Ok(found)
    }

    fn fileno(&self) -> PyResult<i32> {
        self.with(|runner| Ok(runner.as_raw_fd()))
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let (events, failure) = self.with(|runner| Ok((runner.drain(), runner.failure())))?;
        events
            .into_iter()
            .map(|event| event_tuple(py, event, failure.as_deref()))
            .collect()
    }

    fn close(&self, py: Python<'_>) {
        let runner = self.lock().take();
        py.detach(|| drop(runner));
    }
}

/// A client's event as Python has it; `failure` says why it closed.
///
/// # Errors
/// If Python has no memory left.
pub fn event_tuple<'py>(
    py: Python<'py>,
    event: Event,
    failure: Option<&str>,
) -> PyResult<Bound<'py, PyTuple>> {
    match event {
        Event::Connected => ("connected",).into_pyobject(py),
        Event::Closed => (
            "closed",
            failure.unwrap_or("client_disconnected: the server is not reached any more"),
        )
            .into_pyobject(py),
        Event::KeyFrame { track, layer } => {
            ("key_frame", track_name(track), layer).into_pyobject(py)
        }
        Event::Frame {
            slot,
            index,
            track,
            codec,
            timestamp,
            data,
        } => {
            let data = PyBytes::new(py, &data);
            (
                "frame",
                slot,
                index,
                track_name(track),
                codec_name(codec),
                timestamp,
                data,
            )
                .into_pyobject(py)
        }
        Event::Clear {
            slot,
            codec,
            timestamp,
            data,
        } => {
            let data = PyBytes::new(py, &data);
            ("clear", slot, codec_name(codec), timestamp, data).into_pyobject(py)
        }
        Event::Sealed {
            slot,
            timestamp,
            data,
        } => ("sealed", slot, timestamp, PyBytes::new(py, &data)).into_pyobject(py),
        Event::Refused { slot, reason } => ("refused", slot, reason.as_str()).into_pyobject(py),
    }
}

/// Client core of the customer's side.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("FACE", FACE)?;
    module.add("ClientError", module.py().get_type::<ClientError>())?;
    module.add_class::<Client>()
}
