// SPDX-License-Identifier: Apache-2.0
//! What a payload says of its frame in the part that stays in clear: enough to route, never to decode.

mod av1;
mod h264;
mod nal;
mod sps;
pub mod vp8;
mod vp9;

use crate::Error;

pub use nal::NalReader;

/// A codec that is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus (RFC 7587).
    Opus,
    /// Redundant audio (RFC 2198).
    Red,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184).
    H264,
    /// AV1 (AV1 RTP specification).
    Av1,
}

impl Codec {
    /// Its name, as in a session's JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::H264 => "h264",
            Self::Av1 => "av1",
        }
    }

    /// Whether it carries sound.
    #[must_use]
    pub const fn is_audio(self) -> bool {
        matches!(self, Self::Opus | Self::Red)
    }
}

/// What one packet's payload says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadInfo {
    /// A frame begins with this packet.
    pub frame_start: bool,
    /// The frame can be decoded without any before it. Only ever set together with `frame_start`.
    pub key_frame: bool,
    /// Bytes of the payload descriptor, before the encoder's own bytes.
    pub descriptor_len: usize,
}

/// Looks at the clear part of one packet's payload.
///
/// # Errors
/// [`Error::BadDescriptor`] if the payload is empty or its descriptor is malformed.
pub fn inspect(codec: Codec, payload: &[u8]) -> Result<PayloadInfo, Error> {
    if payload.is_empty() {
        return Err(Error::BadDescriptor);
    }
    match codec {
        Codec::Opus | Codec::Red => Ok(PayloadInfo {
            frame_start: true,
            key_frame: false,
            descriptor_len: 0,
        }),
        Codec::Vp8 => vp8::inspect(payload),
        Codec::Vp9 => vp9::inspect(payload),
        Codec::H264 => h264::inspect(payload),
        Codec::Av1 => av1::inspect(payload),
    }
}

/// Where the first packet of a key frame says in clear how large the picture is: VP8's frame, or a sequence parameter set
/// of H.264 in the packet. `None` where it says nothing of it; other codecs are not read.
#[must_use]
pub fn picture_header<'a>(codec: Codec, info: &PayloadInfo, payload: &'a [u8]) -> Option<&'a [u8]> {
    match codec {
        Codec::Vp8 => payload.get(info.descriptor_len..),
        Codec::H264 => h264::parameter_set(payload),
        _ => None,
    }
}

/// The size of the picture that a [`picture_header`] says.
#[must_use]
pub fn picture_size(codec: Codec, header: &[u8]) -> Option<(u16, u16)> {
    match codec {
        Codec::Vp8 => vp8::picture_size(header),
        Codec::H264 => sps::picture_size(header),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
