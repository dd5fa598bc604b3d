// SPDX-License-Identifier: Apache-2.0
//! The writing side of one key.

use std::fmt;

use crate::cipher::{Associated, Cipher, PacketId};
use crate::window::Window;
use crate::{Error, Keys, Profile};

/// Indices remembered per stream: one may be sealed out of order by at most this many.
const WINDOW_WORDS: usize = 16;
/// Streams one sender may have: 64 slots with a retransmission stream each.
const MAX_STREAMS: usize = 128;
/// First index that does not exist: 48 bits (RFC 3711 section 3.3.1).
const END_OF_INDEX: u64 = 1 << 48;
/// First SRTCP index that does not exist: 31 bits.
const END_OF_RTCP_INDEX: u32 = 1 << 31;
/// The E flag of SRTCP: encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Shortest fixed RTP header; the shortest RTCP header is 8.
const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;

/// Seals the packets of one direction. **The only writer of its key: not `Clone`.**
pub struct Sender {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Vec<Stream>,
    next_rtcp: u32,
}

struct Stream {
    ssrc: u32,
    sealed: Window<WINDOW_WORDS>,
}

/// A stream of a [`Sender`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(u16);

impl Sender {
    /// Sets up the ciphers (some microseconds).
    ///
    /// # Errors
    /// [`Error::BadKey`] if the cipher library refuses the keys.
    pub fn new(keys: &Keys) -> Result<Self, Error> {
        let (rtp, rtcp) = (Cipher::new(&keys.rtp()?)?, Cipher::new(&keys.rtcp()?)?);
        Ok(Self {
            profile: keys.profile(),
            rtp,
            rtcp,
            streams: Vec::new(),
            next_rtcp: 1,
        })
    }

    /// The profile of the key.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Adds a stream; its first index may have any sequence number, with a roll-over counter of zero, because that is
    /// what the receiver starts from.
    ///
    /// # Errors
    /// [`Error::UnknownStream`] if the SSRC is there already, [`Error::TooManyStreams`] beyond 128.
    pub fn add_stream(&mut self, ssrc: u32) -> Result<StreamId, Error> {
        if self.streams.iter().any(|stream| stream.ssrc == ssrc) {
            return Err(Error::UnknownStream);
        }
        let id = u16::try_from(self.streams.len()).map_err(|_| Error::TooManyStreams)?;
        if usize::from(id) >= MAX_STREAMS {
            return Err(Error::TooManyStreams);
        }
        self.streams.push(Stream {
            ssrc,
            sealed: Window::new(),
        });
        Ok(StreamId(id))
    }

    /// Seals one RTP packet: `header` is already where it will be sent from, ciphertext and tag go to the start of
    /// `dst`, which follows it. Returns the bytes written to `dst`: `payload.len()` and the tag.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `dst` is too short or the header names another SSRC or sequence number than the stream
    /// and `index`; [`Error::NonceReuse`] if the index was sealed before; [`Error::KeyExhausted`] beyond 48 bits.
    pub fn seal_rtp(
        &mut self,
        stream: StreamId,
        header: &[u8],
        index: u64,
        payload: &[u8],
        dst: &mut [u8],
    ) -> Result<usize, Error> {
        let tag_len = self.profile.tag_len();
        let state = self
            .streams
            .get_mut(usize::from(stream.0))
            .ok_or(Error::UnknownStream)?;
        if index >= END_OF_INDEX {
            return Err(Error::KeyExhausted);
        }
        check_header(header, state.ssrc, index)?;
        if !state.sealed.is_free(index) {
            return Err(Error::NonceReuse);
        }
        let total = payload.len() + tag_len;
        let (out, tag) = dst
            .get_mut(..total)
            .ok_or(Error::Malformed)?
            .split_at_mut(payload.len());
        // Marked first: whatever the cipher does, this nonce is spent.
        state.sealed.mark(index);
        let id = PacketId {
            ssrc: state.ssrc,
            index,
        };
        self.rtp
            .seal(id, Associated::Rtp(header), payload, out, tag)?;
        Ok(total)
    }

    /// Seals the RTCP packet in the first `len` bytes of `buf` in place and returns its new length,
    /// `len` + [`Profile::rtcp_overhead`].
    ///
    /// # Errors
    /// [`Error::Malformed`] if the packet is shorter than 8 bytes or `buf` has no space for the rest;
    /// [`Error::KeyExhausted`] after 2^31 packets.
    pub fn seal_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let (tag_len, index) = (self.profile.tag_len(), self.next_rtcp);
        if index >= END_OF_RTCP_INDEX {
            return Err(Error::KeyExhausted);
        }
        let total = len + self.profile.rtcp_overhead();
        let (header, rest) = buf
            .get_mut(..total)
            .and_then(|b| b.split_at_mut_checked(RTCP_HEADER))
            .ok_or(Error::Malformed)?;
        let body_len = len.checked_sub(RTCP_HEADER).ok_or(Error::Malformed)?;
        let (body, trailer) = rest
            .split_at_mut_checked(body_len)
            .ok_or(Error::Malformed)?;
        let word = (ENCRYPTED | index).to_be_bytes();
        let id = PacketId {
            ssrc: ssrc_at(header, 4)?,
            index: u64::from(index),
        };
        self.next_rtcp += 1;
        // RFC 7714 puts the tag before the index word, RFC 3711 after it.
        let aead = self.profile != Profile::Aes128CmSha1_80;
        let (first, second) = trailer
            .split_at_mut_checked(if aead { tag_len } else { 4 })
            .ok_or(Error::Malformed)?;
        let (tag, place) = if aead {
            (first, second)
        } else {
            (second, first)
        };
        self.rtcp
            .seal_in_place(id, Associated::Rtcp(header, word), body, tag)?;
        place.copy_from_slice(&word);
        Ok(total)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The nonce is made from `ssrc` and `index`, the receiver makes it from the header: they must agree.
fn check_header(header: &[u8], ssrc: u32, index: u64) -> Result<(), Error> {
    let sequence: [u8; 2] = header
        .get(2..4)
        .and_then(|b| b.try_into().ok())
        .ok_or(Error::Malformed)?;
    let agrees =
        u64::from(u16::from_be_bytes(sequence)) == index & 0xffff && ssrc_at(header, 8)? == ssrc;
    if agrees && header.len() >= RTP_HEADER {
        Ok(())
    } else {
        Err(Error::Malformed)
    }
}

pub(crate) fn ssrc_at(packet: &[u8], at: usize) -> Result<u32, Error> {
    let bytes = packet
        .get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .ok_or(Error::Malformed)?;
    Ok(u32::from_be_bytes(bytes))
}
