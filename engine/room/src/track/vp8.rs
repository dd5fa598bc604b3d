// SPDX-License-Identifier: Apache-2.0
//! The numbers in a VP8 payload descriptor that have to run on when a slot switches streams.

use rtp::Codec;
use rtp::vp8::Descriptor;

/// Picture id and TL0PICIDX as the publisher wrote them. The stored payload is patched for one subscriber after the
/// other, so they are kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vp8Marks {
    picture_id: u16,
    tl0: u8,
}

impl Vp8Marks {
    /// `None` for another codec, or a descriptor without such numbers.
    pub(crate) fn find(codec: Codec, payload: &[u8]) -> Option<Self> {
        if codec != Codec::Vp8 {
            return None;
        }
        let descriptor = Descriptor::parse(payload).ok()?;
        let (picture_id, tl0) = (
            descriptor.read_picture_id(payload),
            descriptor.read_tl0(payload),
        );
        (picture_id.is_some() || tl0.is_some()).then(|| Self {
            picture_id: picture_id.unwrap_or(0),
            tl0: tl0.unwrap_or(0),
        })
    }

    pub(crate) const fn picture_id(&self) -> u16 {
        self.picture_id
    }

    pub(crate) const fn tl0(&self) -> u8 {
        self.tl0
    }

    /// The numbers a subscriber sees. Where the field is narrower than the number its lower bits count, as in the
    /// publisher's own wrapping.
    pub(crate) const fn moved(&self, picture_id_offset: u16, tl0_offset: u8) -> (u16, u8) {
        (
            self.picture_id.wrapping_add(picture_id_offset),
            self.tl0.wrapping_add(tl0_offset),
        )
    }

    /// Writes a subscriber's numbers into the payload.
    pub(crate) fn write(&self, payload: &mut [u8], picture_id_offset: u16, tl0_offset: u8) {
        let (picture_id, tl0) = self.moved(picture_id_offset, tl0_offset);
        if let Ok(descriptor) = Descriptor::parse(payload) {
            descriptor.patch(payload, picture_id, tl0);
        }
    }
}
