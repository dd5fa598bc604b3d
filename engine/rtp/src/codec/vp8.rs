// SPDX-License-Identifier: Apache-2.0
//! VP8 payload descriptor (RFC 7741 section 4.2).

use super::PayloadInfo;
use crate::Error;

/// Where the fields of a descriptor lie. Offsets count from the start of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// A partition begins with this packet.
    pub partition_start: bool,
    /// Index of the partition.
    pub partition: u8,
    /// Bytes of the descriptor.
    pub len: usize,
    /// Offset of the picture id, and whether it has 15 bits.
    pub picture_id: Option<(usize, bool)>,
    /// Offset of TL0PICIDX.
    pub tl0: Option<usize>,
    /// Temporal layer, 0 to 3.
    pub temporal_layer: Option<u8>,
}

impl Descriptor {
    /// Parses the descriptor in front of a payload.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] if the payload ends within it.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        let byte = |at: usize| payload.get(at).copied().ok_or(Error::BadDescriptor);
        let first = byte(0)?;
        let mut found = Self {
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            len: 1,
            picture_id: None,
            tl0: None,
            temporal_layer: None,
        };
        if first & 0x80 != 0 {
            let extension = byte(1)?;
            found.len = 2;
            if extension & 0x80 != 0 {
                let wide = byte(found.len)? & 0x80 != 0;
                found.picture_id = Some((found.len, wide));
                found.len += 1 + usize::from(wide);
            }
            if extension & 0x40 != 0 {
                found.tl0 = Some(found.len);
                found.len += 1;
            }
            if extension & 0x30 != 0 {
                let third = byte(found.len)?;
                found.temporal_layer = (extension & 0x20 != 0).then_some(third >> 6);
                found.len += 1;
            }
        }
        if found.len > payload.len() {
            return Err(Error::BadDescriptor);
        }
        Ok(found)
    }

    /// Reads the picture id, 7 or 15 bits.
    #[must_use]
    pub fn read_picture_id(&self, payload: &[u8]) -> Option<u16> {
        let (at, wide) = self.picture_id?;
        let high = *payload.get(at)?;
        if !wide {
            return Some(u16::from(high));
        }
        Some(u16::from(high & 0x7f) << 8 | u16::from(*payload.get(at + 1)?))
    }

    /// Reads TL0PICIDX.
    #[must_use]
    pub fn read_tl0(&self, payload: &[u8]) -> Option<u8> {
        payload.get(self.tl0?).copied()
    }

    /// Writes picture id and TL0PICIDX over those in `payload`, each where the descriptor has it, in its width.
    pub fn patch(&self, payload: &mut [u8], picture_id: u16, tl0: u8) {
        let [high, low] = picture_id.to_be_bytes();
        match self.picture_id {
            Some((at, true)) => {
                if let Some(bytes) = payload.get_mut(at..at + 2) {
                    bytes.copy_from_slice(&[high | 0x80, low]);
                }
            }
            Some((at, false)) => {
                if let Some(byte) = payload.get_mut(at) {
                    *byte = low & 0x7f;
                }
            }
            None => {}
        }
        if let Some(byte) = self.tl0.and_then(|at| payload.get_mut(at)) {
            *byte = tl0;
        }
    }
}

/// Width and height as a key frame's header says them (RFC 6386 section 9.1); `frame` begins behind the payload descriptor.
#[must_use]
pub fn picture_size(frame: &[u8]) -> Option<(u16, u16)> {
    const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
    let (head, _) = frame.split_first_chunk::<10>()?;
    let [tag, _, _, code @ .., w0, w1, h0, h1] = *head;
    // Two bits above each are for scaling.
    let size = |low, high| u16::from_le_bytes([low, high]) & 0x3fff;
    (tag & 1 == 0 && code == START_CODE).then(|| (size(w0, w1), size(h0, h1)))
}

/// The first byte of the frame says by its lowest bit whether it is an interframe (RFC 6386 section 9.1).
pub(super) fn inspect(payload: &[u8]) -> Result<PayloadInfo, Error> {
    let descriptor = Descriptor::parse(payload)?;
    let frame_start = descriptor.partition_start && descriptor.partition == 0;
    let first = payload.get(descriptor.len);
    Ok(PayloadInfo {
        frame_start,
        key_frame: frame_start && first.is_some_and(|byte| byte & 1 == 0),
        descriptor_len: descriptor.len,
    })
}
