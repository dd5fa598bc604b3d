// SPDX-License-Identifier: Apache-2.0
//! The second line of a sealed room: media without an SFrame header where one must stand is refused.
//!
//! The server holds no key, so it can only look at the shape: the clear prefix of the codec, a header by RFC 9605
//! section 4.3 of minimal length, a KID that names the track it came on, and room for the tag. A device that wants to
//! fool this check can; what it stops is a client that sends in clear by mistake or by an old version. The first line
//! is the device, which never sends and never shows what is not sealed.

mod av1;
mod h264;

use rtp::Codec;
use transport::session::Track;

use crate::counters::Refusal;

/// Shortest authentication tag of the suites in use (RFC 9605 section 4.5, suites 4 and 5).
const TAG: usize = 16;
/// Longest SFrame header: config byte, eight bytes of KID, eight of counter.
const MAX_HEADER: usize = 17;
/// A KID is epoch mod 64 (6 bits), step (4), index (16), track (4).
const KID_BITS: u32 = 30;
/// Clear bytes of a VP8 key frame and of any other frame, behind the payload descriptor.
const VP8_KEY_PREFIX: usize = 10;
const VP8_DELTA_PREFIX: usize = 3;

/// What a packet is to the check of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The SFrame header must stand in it.
    Begins,
    /// It belongs to a frame whose header stood in another packet.
    Continues,
    /// Clear by rule: parameter sets of H.264 in a packet of their own.
    Clear,
}

/// The role of a packet; `frame_start` is what its payload descriptor says.
///
/// # Errors
/// [`Refusal::ClearMedia`] for what no sealed frame consists of.
pub(crate) fn role(codec: Codec, frame_start: bool, payload: &[u8]) -> Result<Role, Refusal> {
    let role = match codec {
        Codec::H264 => h264::part(payload).map(|part| match part {
            h264::Part::Parameters => Role::Clear,
            h264::Part::Slice(_) => Role::Begins,
            h264::Part::More => Role::Continues,
        }),
        Codec::Av1 => av1::part(payload).map(|part| match part {
            av1::Part::Begin(_) => Role::Begins,
            av1::Part::More => Role::Continues,
        }),
        Codec::Vp8 | Codec::Vp9 | Codec::Opus | Codec::Red if frame_start => Some(Role::Begins),
        Codec::Vp8 | Codec::Vp9 | Codec::Opus | Codec::Red => Some(Role::Continues),
    };
    role.ok_or(Refusal::ClearMedia)
}

/// Checks the first packet of a frame, and returns the SFrame header in it. `descriptor` is the length of the codec's
/// RTP payload descriptor.
///
/// # Errors
/// [`Refusal::ClearMedia`].
pub(crate) fn check_frame_start(
    codec: Codec,
    track: Track,
    descriptor: usize,
    payload: &[u8],
) -> Result<Header, Refusal> {
    let mut head = [0; MAX_HEADER];
    let (sealed, behind) =
        sealed_part(codec, descriptor, payload, &mut head).ok_or(Refusal::ClearMedia)?;
    let header = Header::parse(sealed).ok_or(Refusal::ClearMedia)?;
    let kid_fits = header.kid >> KID_BITS == 0 && header.kid & 0xF == kid_nibble(track);
    let tag_fits = behind.saturating_sub(header.len) >= TAG;
    if kid_fits && tag_fits {
        Ok(header)
    } else {
        Err(Refusal::ClearMedia)
    }
}

/// Where the SFrame header must stand, and how many bytes of the frame the packet has from there on. `head` holds the
/// header where it lies escaped in the packet.
fn sealed_part<'a>(
    codec: Codec,
    descriptor: usize,
    payload: &'a [u8],
    head: &'a mut [u8],
) -> Option<(&'a [u8], usize)> {
    let sealed = match codec {
        Codec::H264 => {
            let h264::Part::Slice(slice) = h264::part(payload)? else {
                return None;
            };
            return h264::sealed_head(slice, head);
        }
        Codec::Av1 => {
            let av1::Part::Begin(sealed) = av1::part(payload)? else {
                return None;
            };
            sealed
        }
        Codec::Vp8 => {
            let frame = payload.get(descriptor..)?;
            frame.get(vp8_prefix(frame)?..)?
        }
        Codec::Vp9 | Codec::Opus | Codec::Red => payload.get(descriptor..)?,
    };
    Some((sealed, sealed.len()))
}

/// How many bytes of a VP8 frame stay in clear: bit 0 of the frame tag is 0 in a key frame (RFC 6386 section 9.1).
fn vp8_prefix(frame: &[u8]) -> Option<usize> {
    frame.first().map(|tag| {
        if tag & 1 == 0 {
            VP8_KEY_PREFIX
        } else {
            VP8_DELTA_PREFIX
        }
    })
}

/// The low four bits of a KID.
const fn kid_nibble(track: Track) -> u64 {
    match track {
        Track::Audio => 1,
        Track::Main => 2,
        Track::Screen => 3,
    }
}

/// An SFrame header (RFC 9605 section 4.3): a byte `X KKK Y CCC`, then KID and counter where they are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kid: u64,
    pub(crate) counter: u64,
    len: usize,
}

impl Header {
    /// `None` if it is cut short or longer than it has to be.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&config, rest) = bytes.split_first()?;
        let (kid, rest) = field(config >> 4, rest)?;
        let (counter, rest) = field(config & 0xF, rest)?;
        Some(Self {
            kid,
            counter,
            len: bytes.len() - rest.len(),
        })
    }
}

/// One field: a nibble with an extension bit and three bits of value, or of length less one.
fn field(nibble: u8, bytes: &[u8]) -> Option<(u64, &[u8])> {
    let small = nibble & 0b111;
    if nibble & 0b1000 == 0 {
        return Some((u64::from(small), bytes));
    }
    let (value, rest) = bytes.split_at_checked(usize::from(small) + 1)?;
    // Minimal: no leading zero byte, and nothing that three bits could have said.
    let minimal = value.first() != Some(&0) && (value.len() > 1 || value.first() > Some(&7));
    let number = value
        .iter()
        .fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    minimal.then_some((number, rest))
}

/// What the first packet of a frame said about all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused(Refusal),
}

/// Verdicts on the latest frames of one layer, found by RTP timestamp.
///
/// More frames help only a stream reordered over more of them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    recent: [Option<(u32, Verdict)>; 16],
    next: usize,
}

impl Frames {
    pub(crate) fn verdict(&self, timestamp: u32) -> Option<Verdict> {
        self.recent
            .iter()
            .flatten()
            .find(|(at, _)| *at == timestamp)
            .map(|(_, verdict)| *verdict)
    }

    /// Notes the verdict on a frame's first packet. A refusal stays: no later packet makes the frame good.
    pub(crate) fn note(&mut self, timestamp: u32, verdict: Verdict) {
        if let Some((_, known)) = self
            .recent
            .iter_mut()
            .flatten()
            .find(|(at, _)| *at == timestamp)
        {
            if *known == Verdict::Accepted {
                *known = verdict;
            }
            return;
        }
        if let Some(oldest) = self.recent.get_mut(self.next) {
            *oldest = Some((timestamp, verdict));
        }
        self.next = (self.next + 1) % self.recent.len();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
