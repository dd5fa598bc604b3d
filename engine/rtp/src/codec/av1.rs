// SPDX-License-Identifier: Apache-2.0
//! AV1 aggregation header (AV1 RTP specification section 4.4).

use super::PayloadInfo;
use crate::Error;

/// Z: the first element continues one of the packet before. N: a new coded video sequence begins.
///
/// A packet that continues nothing begins an OBU; whether that begins a frame only the dependency descriptor tells.
pub(super) fn inspect(payload: &[u8]) -> Result<PayloadInfo, Error> {
    let head = *payload.first().ok_or(Error::BadDescriptor)?;
    let (continues, new_sequence) = (head & 0x80 != 0, head & 0x08 != 0);
    if continues && new_sequence {
        return Err(Error::BadDescriptor);
    }
    Ok(PayloadInfo {
        frame_start: !continues,
        key_frame: new_sequence,
        descriptor_len: 1,
    })
}
