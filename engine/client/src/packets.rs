// SPDX-License-Identifier: Apache-2.0
//! Frames into RTP payloads and back. Of a sealed frame only what its codec leaves in clear is read; the body is opaque.

mod h264;
mod key_frame;
mod reassembly;
mod vp8;
mod vp9;

use sframe::Codec;

pub(crate) use key_frame::is_key_frame;
pub use reassembly::Reassembly;

/// Bytes of one payload without its descriptor: with RTP header, extensions and SRTP tag it stays below 1,200.
pub const MOST_PAYLOAD: usize = 1_100;

/// Splits the frames of one layer into payloads.
#[derive(Debug, Default)]
pub struct Packetiser {
    picture_id: u16,
}

impl Packetiser {
    /// The payloads of one frame, sealed or not, in order; the last of them carries the marker bit. `is_key_frame` is said
    /// of the frame before it was sealed. Empty if the frame is not one of its codec.
    pub fn split(&mut self, codec: Codec, frame: &[u8], is_key_frame: bool) -> Vec<Vec<u8>> {
        match codec {
            Codec::Vp8 => vp8::split(frame, self.next_picture()),
            Codec::Vp9 => vp9::split(frame, self.next_picture(), is_key_frame),
            Codec::H264 => h264::split(frame),
            Codec::Opus | Codec::Red | Codec::Data => vec![frame.to_vec()],
            // Not offered: browsers alone send it.
            Codec::Av1 => Vec::new(),
        }
    }

    /// Picture ids of 15 bits, as VP8 and VP9 have them.
    const fn next_picture(&mut self) -> [u8; 2] {
        let [high, low] = self.picture_id.to_be_bytes();
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        [high | 0x80, low]
    }
}

/// What one payload adds to its frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) begins: Begins,
    pub(crate) body: Vec<u8>,
}

/// Whether a frame begins with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    Yes,
    No,
    /// If the packet before it belongs to another frame.
    IfNothingBefore,
}

/// Reads one payload. `None` if it is none of the codec.
pub(crate) fn piece(codec: Codec, payload: &[u8]) -> Option<Piece> {
    match codec {
        Codec::Vp8 => vp8::piece(payload),
        Codec::Vp9 => vp9::piece(payload),
        Codec::H264 => h264::piece(payload),
        Codec::Opus | Codec::Red | Codec::Data => Some(Piece {
            begins: Begins::Yes,
            body: payload.to_vec(),
        }),
        Codec::Av1 => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
