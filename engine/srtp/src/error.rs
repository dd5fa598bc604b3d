// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with a packet.

use thiserror::Error;

/// Why a packet was not sealed or opened. None of them changes any state.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum Error {
    /// Shorter than header and tag, longer than the buffer, or header fields that contradict the arguments.
    #[error("malformed: the packet does not have the shape its header promises; drop it")]
    Malformed,
    /// The tag does not fit: forged, damaged, or sealed with another key.
    #[error("auth_failed: the packet's tag is wrong; drop it")]
    AuthFailed,
    /// This index was opened before, or is too old to know.
    #[error("replay: the packet was seen before or is too old; drop it")]
    Replay,
    /// This index was sealed before, or is too old to know.
    #[error("nonce_reuse: the packet index was sealed before; use the next one")]
    NonceReuse,
    /// The SRTCP packet is not encrypted (E flag clear).
    #[error("not_encrypted: clear SRTCP is refused; drop it")]
    NotEncrypted,
    /// More SSRCs than one direction may have.
    #[error("too_many_streams: the peer uses more SSRCs than allowed; drop the packet")]
    TooManyStreams,
    /// No such stream, or the SSRC is registered already.
    #[error("unknown_stream: the stream was never added, or was added twice")]
    UnknownStream,
    /// All indices of this key are used up (RFC 3711 section 9.2).
    #[error("key_exhausted: the key has sealed all it may; connect again")]
    KeyExhausted,
    /// Keys of the wrong length, or refused by the cipher library.
    #[error("bad_key: the keying material does not fit the profile; connect again")]
    BadKey,
}
