// SPDX-License-Identifier: Apache-2.0
//! The Python face of [`Core`].

use std::time::Duration;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sframe::{RoomContext, RoomKind, Suite};

use crate::mesh::Mesh as Core;

/// At (ms), receiver, sender, number, index of who sealed it or -1, reason of a refusal.
type Fate = (f64, u16, u16, u32, i32, &'static str);

/// A room's context from what an authority says of it.
pub(crate) fn context(
    suite: u16,
    app: u32,
    kind: &str,
    room: &str,
    instance: &[u8],
) -> PyResult<RoomContext> {
    let wrong = || PyValueError::new_err("no suite, kind or instance that a room may have");
    let kind = match kind {
        "number" => RoomKind::Number,
        "string" => RoomKind::String,
        _ => return Err(wrong()),
    };
    Ok(RoomContext {
        suite: Suite::from_number(suite).ok_or_else(wrong)?,
        app,
        kind,
        room: room.to_owned(),
        instance: instance.try_into().map_err(|_| wrong())?,
    })
}

/// Members' key rings on a virtual network.
#[pyclass(module = "sealroom_sim._native")]
pub(crate) struct Mesh {
    core: Core,
}

impl Mesh {
    fn check(&self, member: usize) -> PyResult<usize> {
        if member < self.core.len() {
            Ok(member)
        } else {
            Err(PyIndexError::new_err("there is no such member"))
        }
    }
}

#[pymethods]
impl Mesh {
    #[new]
    #[pyo3(signature = (seed, *, jitter_ms = 0))]
    fn new(seed: u64, jitter_ms: u64) -> Self {
        let core = Core::new(seed, Duration::from_millis(jitter_ms));
        Self { core }
    }

    const fn __len__(&self) -> usize {
        self.core.len()
    }

    fn add(&mut self) -> usize {
        self.core.add()
    }

    fn set_link(
        &mut self,
        source: usize,
        to: usize,
        delay_ms: u64,
        jitter_ms: u64,
    ) -> PyResult<()> {
        let ms = Duration::from_millis;
        let (source, to) = (self.check(source)?, self.check(to)?);
        self.core.set_link(source, to, ms(delay_ms), ms(jitter_ms));
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn set_room(
        &mut self,
        member: usize,
        suite: u16,
        app: u32,
        kind: &str,
        room: &str,
        instance: &[u8],
        index: u16,
    ) -> PyResult<()> {
        let context = context(suite, app, kind, room, instance)?;
        let member = self.check(member)?;
        self.core.set_room(member, context, index);
        Ok(())
    }

    fn add_secret(
        &mut self,
        member: usize,
        epoch: u64,
        step: u8,
        secret: &[u8],
        after_removal: bool,
        use_after_ms: u64,
    ) -> PyResult<bool> {
        let member = self.check(member)?;
        let after = Duration::from_millis(use_after_ms);
        let version = (epoch, step);
        Ok(self
            .core
            .add_secret(member, version, secret, after_removal, after))
    }

    fn step(&mut self, member: usize, epoch: u64, step: u8) -> PyResult<bool> {
        let member = self.check(member)?;
        Ok(self.core.step(member, epoch, step))
    }

    fn talk<'py>(
        &mut self,
        py: Python<'py>,
        member: usize,
    ) -> PyResult<Option<(u32, Bound<'py, PyBytes>)>> {
        let member = self.check(member)?;
        let sent = self.core.talk(member);
        Ok(sent.map(|(number, sealed)| (number, PyBytes::new(py, &sealed))))
    }

    fn run_to(&mut self, milliseconds: f64) -> PyResult<Vec<Fate>> {
        let until = Duration::try_from_secs_f64(milliseconds / 1_000.0);
        let until = until.map_err(|_| PyValueError::new_err("no time that can be"))?;
        self.core.run_to(until);
        let fates = self.core.take_fates().into_iter();
        let told = fates.map(|fate| {
            let at = fate.at.as_secs_f64() * 1_000.0;
            let (index, reason) = match fate.opened {
                Ok(index) => (i32::from(index), ""),
                Err(reason) => (-1, reason.as_str()),
            };
            (at, fate.receiver, fate.sender, fate.number, index, reason)
        });
        Ok(told.collect())
    }
}
