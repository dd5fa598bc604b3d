// SPDX-License-Identifier: Apache-2.0
//! From a datagram to what it means.

use std::time::Instant;

use ice::{MAX_REPLY, Path, Rejection};

use super::control::{Records, send_control};
use super::{Peer, State};
use crate::drops::DropReason;
use crate::egress::Egress;
use crate::face::Input;

impl Peer {
    pub(super) fn take_datagram(
        &mut self,
        now: Instant,
        path: Path,
        buf: &mut [u8],
        tx: &mut Egress<'_>,
    ) -> Result<Input, DropReason> {
        if self.state == State::Closed {
            return Err(DropReason::Closed);
        }
        match rtp::demux(buf).ok_or(DropReason::UnknownProtocol)? {
            rtp::Kind::Rtp => self.on_rtp(now, path, buf).map(Input::Rtp),
            rtp::Kind::Rtcp => self.on_rtcp(now, path, buf).map(|()| Input::Handled),
            rtp::Kind::Stun => self.on_stun(now, path, buf, tx).map(|()| Input::Handled),
            rtp::Kind::Dtls => self.on_dtls(now, path, buf, tx).map(|()| Input::Handled),
        }
    }

    fn on_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        tx: &mut Egress<'_>,
    ) -> Result<(), DropReason> {
        let mut reply = [0; MAX_REPLY];
        let len = self
            .agent
            .on_stun(now, path, datagram, &mut reply)
            .map_err(stun_reason)?;
        if let Some(reply) = reply.get(..len).filter(|reply| !reply.is_empty()) {
            send_control(path, reply, tx);
        }
        self.send_checks(now, tx);
        self.send_held(now, tx);
        Ok(())
    }

    /// Sends the own Binding requests that are due, and acts on what the agent decided.
    pub(super) fn send_checks(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let mut request = [0; MAX_REPLY];
        while let Some((path, len)) = self.agent.poll_transmit(now, &mut request) {
            if let Some(request) = request.get(..len) {
                send_control(path, request, tx);
            }
        }
        self.follow_agent();
    }

    /// **Only from an address that passed an authenticated check**: a stranger's ClientHello would end the handshake
    /// (CVE-2023-51443).
    fn on_dtls(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        tx: &mut Egress<'_>,
    ) -> Result<(), DropReason> {
        if !self.agent.knows(&path) {
            return Err(DropReason::DtlsUnvalidated);
        }
        self.agent.credit(&path, datagram.len());
        self.dtls_path = Some(path);
        let mut records = Records {
            agent: &mut self.agent,
            held: &mut self.held,
            path: Some(path),
            tx,
        };
        let step = self
            .association
            .on_datagram(now, datagram, &mut |record| records.send(now, record));
        let established = step.map_err(|reason| {
            self.end(reason);
            DropReason::DtlsError
        })?;
        if let Some(established) = established
            && let Err(reason) = self.connect(now, &established)
        {
            self.end(reason);
        }
        Ok(())
    }
}

const fn stun_reason(rejection: Rejection) -> DropReason {
    match rejection {
        Rejection::Malformed => DropReason::MalformedStun,
        Rejection::UnknownUfrag => DropReason::UnknownUfrag,
        Rejection::BadIntegrity => DropReason::BadIntegrity,
        Rejection::Unexpected => DropReason::UnexpectedStun,
    }
}
