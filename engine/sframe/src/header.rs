// SPDX-License-Identifier: Apache-2.0
//! The SFrame header (RFC 9605 section 4.3).

use thiserror::Error;

/// Longest header: config byte, eight bytes of key id, eight of counter.
pub const MAX_HEADER: usize = 17;

/// The highest counter that is used, far below what GCM bears and far beyond any call (`protocol/sealing.md` section 4).
pub(crate) const LAST_COUNTER: u64 = 1 << 40;

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// It ends before what it announces.
    #[error("the header is cut off")]
    Truncated,
    /// A value could have been written shorter, which the RFC forbids.
    #[error("the header is longer than need be")]
    NotMinimal,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Key id.
    pub kid: u64,
    /// Counter.
    pub counter: u64,
}

impl Header {
    /// Writes the header to the front of `out` and returns its length.
    #[must_use]
    pub fn write(&self, out: &mut [u8; MAX_HEADER]) -> usize {
        let mut len = 1;
        let high = put(self.kid, out, &mut len);
        let low = put(self.counter, out, &mut len);
        out[0] = high << 4 | low;
        len
    }

    /// Reads a header; returns it with its length.
    ///
    /// # Errors
    /// [`HeaderError`] if it is cut off or not of minimal length.
    pub fn parse(data: &[u8]) -> Result<(Self, usize), HeaderError> {
        let (&config, mut rest) = data.split_first().ok_or(HeaderError::Truncated)?;
        let kid = take(config >> 4, &mut rest)?;
        let counter = take(config & 0x0f, &mut rest)?;
        Ok((Self { kid, counter }, data.len() - rest.len()))
    }
}

/// Puts a value of 8 or more behind the config byte; returns its four bits.
fn put(value: u64, out: &mut [u8; MAX_HEADER], len: &mut usize) -> u8 {
    if value < 8 {
        return u8::try_from(value).unwrap_or(0);
    }
    let bytes = value.to_be_bytes();
    let zeros = usize::try_from(value.leading_zeros() / 8).unwrap_or(0);
    let used = bytes.get(zeros..).unwrap_or_default();
    if let Some(to) = out.get_mut(*len..*len + used.len()) {
        to.copy_from_slice(used);
    }
    *len += used.len();
    8 | u8::try_from(used.len() - 1).unwrap_or(7)
}

fn take(nibble: u8, rest: &mut &[u8]) -> Result<u64, HeaderError> {
    if nibble < 8 {
        return Ok(u64::from(nibble));
    }
    let (bytes, after) = rest
        .split_at_checked(usize::from(nibble) - 7)
        .ok_or(HeaderError::Truncated)?;
    *rest = after;
    let value = bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    if bytes.first() == Some(&0) || value < 8 {
        return Err(HeaderError::NotMinimal);
    }
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
