// SPDX-License-Identifier: Apache-2.0
//! What an authentic request is answered.

use aws_lc_rs::hmac;

use crate::Path;
use crate::stun::{Class, Message, Writer};

/// An error answer to a request whose sender is authentic.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// RFC 8489 section 6.3.1.
    UnknownAttribute(u16),
    /// RFC 8445 section 7.3.1.1: an ICE-lite agent is controlled, so the peer has to be controlling.
    RoleConflict,
}

pub(super) fn refusal(message: &Message<'_>) -> Option<Refusal> {
    let unknown = message.unknown_required.map(Refusal::UnknownAttribute);
    unknown.or(message.controlled.map(|_| Refusal::RoleConflict))
}

pub(super) fn answer(
    message: &Message<'_>,
    refusal: Option<Refusal>,
    path: Path,
    key: &hmac::Key,
    out: &mut [u8],
) -> usize {
    let transaction = message.transaction;
    let written = match refusal {
        None => Writer::new(out, Class::Success, transaction)
            .mapped(path.canonical_remote())
            .finish(key),
        Some(Refusal::RoleConflict) => Writer::new(out, Class::Error, transaction)
            .error_code(487)
            .finish(key),
        Some(Refusal::UnknownAttribute(kind)) => Writer::new(out, Class::Error, transaction)
            .error_code(420)
            .unknown_attribute(kind)
            .finish(key),
    };
    written.unwrap_or(0)
}
