// SPDX-License-Identifier: Apache-2.0
//! Retransmission (RFC 4588): the original sequence number in front of the payload.

use crate::{Error, Header};

/// Bytes that a retransmission adds before the payload.
pub const OSN_LEN: usize = 2;

/// Takes the original sequence number off: returns it, and the header with the payload behind it.
///
/// # Errors
/// [`Error::Truncated`] if there is no room for it, as in a padding-only probe.
pub fn unwrap(header: &Header, buf: &[u8]) -> Result<(u16, Header), Error> {
    let Some(&[high, low, ..]) = header
        .payload(buf)
        .first_chunk::<OSN_LEN>()
        .map(|chunk| chunk as &[u8])
    else {
        return Err(Error::Truncated);
    };
    let mut original = *header;
    original.payload_start += 2;
    Ok((u16::from_be_bytes([high, low]), original))
}

/// Writes the original sequence number; returns [`OSN_LEN`].
///
/// # Errors
/// [`Error::NoSpace`] if `dst` is shorter.
pub fn write_osn(dst: &mut [u8], sequence: u16) -> Result<usize, Error> {
    dst.first_chunk_mut::<OSN_LEN>()
        .map(|chunk| *chunk = sequence.to_be_bytes())
        .ok_or(Error::NoSpace)?;
    Ok(OSN_LEN)
}
