// SPDX-License-Identifier: Apache-2.0
//! STUN and DTLS datagrams on their way out.

use std::time::Instant;

use ice::{Agent, Path};

use super::Peer;
use crate::egress::Egress;

/// DTLS records kept while their path may not have more: one flight. Beyond, the library's timer sends them again.
const MAX_HELD: usize = 4;

/// Sends a datagram that is accounted for already.
pub(super) fn send_control(path: Path, datagram: &[u8], tx: &mut Egress<'_>) {
    if let Some(space) = tx.reserve(path, datagram.len()) {
        space.copy_from_slice(datagram);
        tx.commit(datagram.len());
    }
}

/// Where DTLS records go.
pub(super) struct Records<'a, 'b> {
    pub(super) agent: &'a mut Agent,
    pub(super) held: &'a mut Vec<Box<[u8]>>,
    pub(super) path: Option<Path>,
    pub(super) tx: &'a mut Egress<'b>,
}

impl Records<'_, '_> {
    /// Sends a record if the path may have it now; if not, it waits until the path is proven, so that a first flight
    /// that is too large for an unproven address costs a round trip and not a retransmission time.
    pub(super) fn send(&mut self, now: Instant, record: &[u8]) {
        let Some(path) = self.path else { return };
        if self.agent.spend(now, &path, record.len()) {
            send_control(path, record, self.tx);
        } else if self.held.len() < MAX_HELD {
            self.held.push(record.into());
        }
    }
}

impl Peer {
    /// Sends the records that waited for their path, as far as it may have them now.
    pub(super) fn send_held(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let Some(path) = self.dtls_path else { return };
        while let Some(record) = self.held.first() {
            if !self.agent.spend(now, &path, record.len()) {
                return;
            }
            send_control(path, record, tx);
            self.held.remove(0);
        }
    }
}
