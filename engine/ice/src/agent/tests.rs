// SPDX-License-Identifier: Apache-2.0
//! A full agent's side of the checks, as a browser does them, against the agent.

mod hostile;
mod paths;

use std::time::{Duration, Instant};

use crate::stun::{Class, Message, Writer};
use crate::{Agent, Credentials, MAX_REPLY, Path, Rejection};

pub(super) struct Side {
    pub(super) ufrag: &'static str,
    pub(super) pwd: &'static str,
}

impl Side {
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::new(self.ufrag, self.pwd).unwrap()
    }
}

pub(super) const SERVER: Side = Side {
    ufrag: "srv0",
    pwd: "serverpasswordserverpw",
};
pub(super) const BROWSER: Side = Side {
    ufrag: "brw0",
    pwd: "browserpasswordbrowser",
};
pub(super) const SERVER_2: Side = Side {
    ufrag: "srv1",
    pwd: "serverpassword2serverp",
};
pub(super) const BROWSER_2: Side = Side {
    ufrag: "brw1",
    pwd: "browserpassword2browse",
};

pub(super) fn path(port: u16) -> Path {
    Path::new(
        "192.0.2.1:5000".parse().unwrap(),
        format!("198.51.100.7:{port}").parse().unwrap(),
    )
}

pub(super) fn agent() -> Agent {
    Agent::new(SERVER.credentials(), BROWSER.credentials(), &[9; 32])
}

pub(super) fn check(server: &Side, browser: &Side, transaction: u8, nominate: bool) -> Vec<u8> {
    let mut buf = [0; MAX_REPLY];
    let mut writer = Writer::new(&mut buf, Class::Request, [transaction; 12])
        .username(server.ufrag, browser.ufrag)
        .priority(1)
        .controlling(77);
    if nominate {
        writer = writer.use_candidate();
    }
    let len = writer.finish(&server.credentials().key()).unwrap();
    buf[..len].to_vec()
}

/// What a browser answers to the agent's request, after checking it as a browser does.
pub(super) fn answer(browser: &Side, server: &Side, request: &[u8]) -> Vec<u8> {
    let message = Message::parse(request).unwrap();
    assert_eq!(message.class, Class::Request);
    assert_eq!(
        message.username,
        Some(format!("{}:{}", browser.ufrag, server.ufrag).as_bytes())
    );
    assert!(message.fingerprint && message.controlled.is_some() && message.priority.is_some());
    message.verify(&browser.credentials().key()).unwrap();
    let mut buf = [0; MAX_REPLY];
    let writer = Writer::new(&mut buf, Class::Success, message.transaction)
        .mapped("192.0.2.1:5000".parse().unwrap());
    let len = writer.finish(&browser.credentials().key()).unwrap();
    buf[..len].to_vec()
}

/// The agent with what it sent, so that budgets can be summed up.
pub(super) struct Run {
    pub(super) agent: Agent,
    pub(super) now: Instant,
}

impl Run {
    pub(super) fn new() -> Self {
        Self {
            agent: agent(),
            now: Instant::now(),
        }
    }

    pub(super) fn take(&mut self, path: Path, datagram: &[u8]) -> Result<Vec<u8>, Rejection> {
        let mut out = [0; MAX_REPLY];
        let len = self.agent.on_stun(self.now, path, datagram, &mut out)?;
        Ok(out[..len].to_vec())
    }

    /// Own requests that are due.
    pub(super) fn due(&mut self) -> Vec<(Path, Vec<u8>)> {
        let mut out = [0; MAX_REPLY];
        let mut requests = Vec::new();
        while let Some((path, len)) = self.agent.poll_transmit(self.now, &mut out) {
            requests.push((path, out[..len].to_vec()));
        }
        requests
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// A nominating check over `path`, and the browser's answer to the one that comes back.
    pub(super) fn connect(&mut self, path: Path) {
        self.take(path, &check(&SERVER, &BROWSER, 1, true)).unwrap();
        for (to, request) in self.due() {
            let _ = self.take(to, &answer(&BROWSER, &SERVER, &request));
        }
        assert_eq!(self.agent.selected(), Some(path));
    }
}
