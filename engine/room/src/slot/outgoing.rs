// SPDX-License-Identifier: Apache-2.0
//! A stored packet as the receiver of one slot sees it.

use std::time::Instant;

use transport::{Egress, OutgoingRtp, PeerTransport};

use crate::slot::numbering::Place;
use crate::track::carried::Carried;
use crate::track::ring::Entry;

/// Everything but the payload, which lies in the ring and is patched and sealed from there.
pub(crate) struct SlotPacket<'a> {
    pub(crate) slot: u16,
    pub(crate) entry: &'a Entry,
    pub(crate) place: Place,
    pub(crate) marker: bool,
    /// Sent again, on the slot's retransmission stream.
    pub(crate) rtx: bool,
}

impl SlotPacket<'_> {
    /// Hands it to the subscriber's transport. Returns whether it was sent; if not, the transport has counted why.
    pub(crate) fn send<T: PeerTransport>(
        &self,
        now: Instant,
        payload: &mut [u8],
        transport: &mut T,
        tx: &mut Egress<'_>,
    ) -> bool {
        if let Some(marks) = &self.entry.vp8 {
            marks.write(payload, self.place.picture_id_offset, self.place.tl0_offset);
        }
        let mut list = Carried::EMPTY_LIST;
        let out = OutgoingRtp {
            slot: self.slot,
            rtx: self.rtx,
            codec: self.entry.codec,
            marker: self.marker,
            ext_sequence: self.place.sequence,
            timestamp: self
                .entry
                .timestamp
                .wrapping_add(self.place.timestamp_offset),
            extensions: self.entry.carried.list(&mut list),
        };
        transport.send_rtp(now, &out, payload, tx).is_ok()
    }
}
