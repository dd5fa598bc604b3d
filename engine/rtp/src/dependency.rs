// SPDX-License-Identifier: Apache-2.0
//! The dependency descriptor (AV1 RTP specification, appendix A): its mandatory fields and one flag.

use crate::Error;

/// What routing needs of a dependency descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is the first of its frame.
    pub first_in_frame: bool,
    /// The packet is the last of its frame.
    pub last_in_frame: bool,
    /// Template, 0 to 63.
    pub template: u8,
    /// Number of the frame.
    pub frame_number: u16,
    /// A template structure is attached: the frame is a key frame.
    pub structure_present: bool,
}

impl DependencyDescriptor {
    /// Parses the mandatory fields (A.8.3) and the first flag of the extended ones (A.8.4).
    ///
    /// # Errors
    /// [`Error::Truncated`] if it has less than 3 bytes.
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        let &[first, high, low, ref extended @ ..] = value else {
            return Err(Error::Truncated);
        };
        Ok(Self {
            first_in_frame: first & 0x80 != 0,
            last_in_frame: first & 0x40 != 0,
            template: first & 0x3f,
            frame_number: u16::from_be_bytes([high, low]),
            structure_present: extended.first().is_some_and(|byte| byte & 0x80 != 0),
        })
    }
}

#[cfg(test)]
mod tests;
