// SPDX-License-Identifier: Apache-2.0
//! Why the client did not do it.

use str0m::RtcError;
use thiserror::Error;

/// Why the client did not do it.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The WebRTC library refused.
    #[error("client_rtc: {0}")]
    Rtc(#[from] RtcError),
    /// The answer cannot be read.
    #[error(
        "client_answer: the server's answer cannot be read; compare the versions of both sides"
    )]
    Answer,
    /// No offer waits for an answer, or one does already.
    #[error("client_no_offer: no offer waits for an answer; make one first")]
    NoOffer,
    /// Payload types that are taken twice or cannot be used.
    #[error(
        "client_payload_types: payload types are 35 to 63 or 96 to 127, each for one codec; choose others"
    )]
    PayloadTypes,
    /// A layer that the track does not have.
    #[error("client_layer: the track has no such layer; the camera has 0 to 2, others only 0")]
    Layer,
    /// A local address cannot be used.
    #[error("client_address: the local address cannot be used for media")]
    Address,
    /// No socket or thread could be had.
    #[error("client_io: {0}")]
    Io(#[from] std::io::Error),
}
