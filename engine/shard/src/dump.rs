// SPDX-License-Identifier: Apache-2.0
//! A sink that writes what is forwarded to a file, for tests that prove what the server can see.

use std::io::Write;
use std::sync::{Arc, Mutex};

use room::{Forwarded, Sink};
use rtp::Codec;
use transport::session::Track;

/// Bytes of a record between its length and its payload.
pub const RECORD_HEADER: usize = 32;

/// Writes a record per packet: `u32` length of what follows, then room `u64`, peer `u64`, packet index `u64`, RTP
/// timestamp `u32`, track, layer, codec, marker (`u8` each), payload. Integers are big-endian. `track`: 1 audio,
/// 2 main, 3 screen; `codec`: 1 Opus, 2 RED, 3 VP8, 4 VP9, 5 H.264, 6 AV1.
///
/// Its clones write to the same place; a write that fails ends the dump. **Not for production**: it writes on the
/// packet path.
#[derive(Clone)]
pub struct DumpSink {
    out: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
}

impl DumpSink {
    /// Writes to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self {
            out: Arc::new(Mutex::new(Some(Box::new(out)))),
        }
    }
}

impl Sink for DumpSink {
    fn packet(&mut self, packet: &Forwarded<'_>) {
        let Ok(mut out) = self.out.lock() else { return };
        let Some(file) = out.as_mut() else { return };
        if file
            .write_all(&header(packet))
            .and_then(|()| file.write_all(packet.payload))
            .is_err()
        {
            *out = None;
        }
    }
}

fn header(packet: &Forwarded<'_>) -> [u8; 4 + RECORD_HEADER] {
    let mut bytes = [0; 4 + RECORD_HEADER];
    let length = (RECORD_HEADER + packet.payload.len()) as u32;
    let numbers = [
        track_number(packet.track),
        packet.layer,
        codec_number(packet.codec),
        u8::from(packet.marker),
    ];
    let fields: [&[u8]; 6] = [
        &length.to_be_bytes(),
        &packet.room.to_be_bytes(),
        &packet.source.to_be_bytes(),
        &packet.ext_sequence.to_be_bytes(),
        &packet.timestamp.to_be_bytes(),
        &numbers,
    ];
    for (to, from) in bytes
        .iter_mut()
        .zip(fields.iter().flat_map(|field| field.iter()))
    {
        *to = *from;
    }
    bytes
}

const fn track_number(track: Track) -> u8 {
    match track {
        Track::Audio => 1,
        Track::Main => 2,
        Track::Screen => 3,
    }
}

const fn codec_number(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 1,
        Codec::Red => 2,
        Codec::Vp8 => 3,
        Codec::Vp9 => 4,
        Codec::H264 => 5,
        Codec::Av1 => 6,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
