// SPDX-License-Identifier: Apache-2.0
//! Why a STUN message got no answer.

use thiserror::Error;

use crate::stun::StunError;

/// Why a STUN message was dropped without an answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// Not a STUN message, or without FINGERPRINT.
    #[error("malformed_stun: not a STUN message as ICE sends it; drop it")]
    Malformed,
    /// USERNAME is not this session's.
    #[error("unknown_ufrag: the check is for another session; drop it")]
    UnknownUfrag,
    /// The password is wrong.
    #[error("bad_integrity: the sender does not know the password; drop it")]
    BadIntegrity,
    /// A response to nothing that was asked, or a method that is not Binding.
    #[error("unexpected_stun: nothing was asked that this answers; drop it")]
    Unexpected,
}

/// What a message that could not be trusted is rejected as.
pub(super) const fn rejection(error: StunError) -> Rejection {
    match error {
        StunError::BadIntegrity => Rejection::BadIntegrity,
        StunError::Malformed | StunError::BadFingerprint => Rejection::Malformed,
    }
}
