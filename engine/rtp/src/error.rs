// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a packet.

use thiserror::Error;

/// Why a packet was not understood or a header could not be written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The packet ends before what it announces.
    #[error("truncated: the packet ends before what it announces; drop it")]
    Truncated,
    /// The version is not 2.
    #[error("bad_version: not RTP version 2; drop it")]
    BadVersion,
    /// The padding is longer than the packet, or 0.
    #[error("bad_padding: the padding does not fit the packet; drop it")]
    BadPadding,
    /// A length field contradicts the content.
    #[error("bad_length: a length field contradicts the content; drop it")]
    BadLength,
    /// A payload descriptor is malformed.
    #[error("bad_descriptor: the payload descriptor is malformed; drop the packet")]
    BadDescriptor,
    /// The packet is larger than offsets of 16 bits reach.
    #[error("too_large: more than 65,535 bytes; drop it")]
    TooLarge,
    /// The destination is too small for what is to be written.
    #[error("no_space: the destination is too small; give more")]
    NoSpace,
    /// An extension id or value that has no form on the wire.
    #[error(
        "bad_extension: the id or length of an extension has no form on the wire; leave it out"
    )]
    BadExtension,
}
