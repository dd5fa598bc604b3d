// SPDX-License-Identifier: Apache-2.0
//! What a sealed frame consists of (`protocol/sealing.md` section 5).

use std::borrow::Cow;

use crate::{av1, h264};

/// A track, by its number in key ids and metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Track {
    /// Microphone.
    Audio = 1,
    /// Camera.
    Main = 2,
    /// Screen.
    Screen = 3,
    /// Messages.
    Data = 4,
}

impl Track {
    /// The track of a number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Audio),
            2 => Some(Self::Main),
            3 => Some(Self::Screen),
            4 => Some(Self::Data),
            _ => None,
        }
    }
}

/// A codec, by its number in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Opus.
    Opus = 1,
    /// Redundant audio.
    Red = 2,
    /// VP8.
    Vp8 = 3,
    /// VP9.
    Vp9 = 4,
    /// H.264, access units in Annex B form.
    H264 = 5,
    /// AV1, temporal units in the low-overhead format.
    Av1 = 6,
    /// Messages.
    Data = 7,
}

/// How many bytes of a frame stay in clear: told from the frame itself, by sender and receiver alike. `None` if the
/// frame is too short to be one of the codec: it is dropped.
#[must_use]
pub fn clear_prefix(codec: Codec, frame: &[u8]) -> Option<usize> {
    let wanted = match codec {
        Codec::Vp8 => {
            // RFC 6386 section 9.1: the lowest bit is 0 in a key frame.
            if frame.first()? & 1 == 0 { 10 } else { 3 }
        }
        Codec::H264 => h264::clear_prefix(frame)?,
        Codec::Av1 => av1::clear_prefix(frame)?,
        Codec::Opus | Codec::Red | Codec::Vp9 | Codec::Data => 0,
    };
    (frame.len() >= wanted).then_some(wanted)
}

/// The frame in the form in which it is sealed. `None` if it is not understood: it is dropped.
pub(crate) fn normalised(codec: Codec, frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    match codec {
        Codec::H264 => h264::normalised(frame).map(Cow::Owned),
        Codec::Av1 => av1::normalised(frame).map(Cow::Owned),
        _ => Some(Cow::Borrowed(frame)),
    }
}

/// What lies behind the prefix as it may stand in a frame of the codec; `None` if it may not, and another counter has
/// to be tried.
pub(crate) fn carried(codec: Codec, prefix: &[u8], sealed: Vec<u8>) -> Option<Vec<u8>> {
    match codec {
        Codec::H264 => h264::escaped(prefix, &sealed),
        Codec::Av1 => Some(av1::sized(&sealed)),
        _ => Some(sealed),
    }
}

/// What [`carried`] was given; `None` if it cannot have made `found`.
pub(crate) fn uncarried<'a>(codec: Codec, prefix: &[u8], found: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    match codec {
        Codec::H264 => h264::unescaped(prefix, found).map(Cow::Owned),
        Codec::Av1 => av1::without_size(found).map(Cow::Borrowed),
        _ => Some(Cow::Borrowed(found)),
    }
}

/// What the decoder gets of an opened frame. AV1's clear byte was never one of the encoder's.
pub(crate) fn restored(codec: Codec, prefix: &[u8], body: Vec<u8>) -> Vec<u8> {
    match codec {
        Codec::Av1 => body,
        _ => [prefix, &body].concat(),
    }
}

/// Header and metadata together: what the tag covers beside the ciphertext.
pub(crate) fn additional_data(header: &[u8], track: Track, codec: Codec, prefix: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(header.len() + 4 + prefix.len());
    aad.extend_from_slice(header);
    aad.extend_from_slice(&[track as u8, codec as u8]);
    aad.extend_from_slice(
        &u16::try_from(prefix.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes(),
    );
    aad.extend_from_slice(prefix);
    aad
}
