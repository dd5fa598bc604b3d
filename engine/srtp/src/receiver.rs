// SPDX-License-Identifier: Apache-2.0
//! The reading side of one key.

use std::fmt;

use crate::cipher::{Associated, Cipher, PacketId};
use crate::sender::ssrc_at;
use crate::window::Window;
use crate::{Error, Keys, Profile};

/// Replay window of RTP, in words of 64 indices: wider lets a packet be later, and costs 8 bytes a word and stream.
const RTP_WORDS: usize = 16;
const RTCP_WORDS: usize = 2;
/// SSRCs one peer may use over the life of its key. Their windows are never given up: that would open a replay.
const MAX_RTP_STREAMS: usize = 128;
const MAX_RTCP_STREAMS: usize = 128;
const RTCP_HEADER: usize = 8;
const RTCP_INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;

/// Opens the packets of one direction.
pub struct Receiver {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: Streams<RTP_WORDS>,
    rtcp_streams: Streams<RTCP_WORDS>,
}

/// An authentic RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Length of the decrypted packet, header included.
    pub len: usize,
    /// 48-bit packet index.
    pub index: u64,
    /// Whether the stream was added before. If not, nothing remembers this packet: add the stream with
    /// [`Receiver::add_stream`] before using it, or drop it.
    pub known: bool,
}

impl Receiver {
    /// Sets up the ciphers (some microseconds).
    ///
    /// # Errors
    /// [`Error::BadKey`] if the cipher library refuses the keys.
    pub fn new(keys: &Keys) -> Result<Self, Error> {
        Ok(Self {
            profile: keys.profile(),
            rtp: Cipher::new(&keys.rtp()?)?,
            rtcp: Cipher::new(&keys.rtcp()?)?,
            rtp_streams: Streams::new(MAX_RTP_STREAMS),
            rtcp_streams: Streams::new(MAX_RTCP_STREAMS),
        })
    }

    /// The profile of the key.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Opens an RTP packet in place: the first `header_len` bytes of `buf` are its header, which names `ssrc` and
    /// `sequence`. The roll-over counter is estimated as in RFC 3711 section 3.3.1, and the packet is remembered only
    /// once its tag was right.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no space for a tag, [`Error::Replay`], [`Error::AuthFailed`]; the content of
    /// `buf` is then undefined.
    pub fn open_rtp(
        &mut self,
        header_len: usize,
        ssrc: u32,
        sequence: u16,
        buf: &mut [u8],
    ) -> Result<Opened, Error> {
        let stream = self.rtp_streams.find(ssrc);
        let window = stream.and_then(|place| self.rtp_streams.windows.get_mut(place));
        let index = estimate(window.as_ref().and_then(|w| w.highest()), sequence);
        if window.as_ref().is_some_and(|w| !w.is_free(index)) {
            return Err(Error::Replay);
        }
        let len = buf
            .len()
            .checked_sub(self.profile.tag_len())
            .ok_or(Error::Malformed)?;
        let (header, rest) = buf
            .split_at_mut_checked(header_len)
            .ok_or(Error::Malformed)?;
        let body_len = len.checked_sub(header_len).ok_or(Error::Malformed)?;
        let (body, tag) = rest
            .split_at_mut_checked(body_len)
            .ok_or(Error::Malformed)?;
        self.rtp
            .open(PacketId { ssrc, index }, Associated::Rtp(header), body, tag)?;
        let known = window.is_some();
        if let Some(window) = window {
            window.mark(index);
        }
        Ok(Opened { len, index, known })
    }

    /// Starts to remember a stream whose packet `index` was just opened.
    ///
    /// # Errors
    /// [`Error::TooManyStreams`] beyond 128, [`Error::UnknownStream`] if it is there already.
    pub fn add_stream(&mut self, ssrc: u32, index: u64) -> Result<(), Error> {
        if self.rtp_streams.find(ssrc).is_some() {
            return Err(Error::UnknownStream);
        }
        self.rtp_streams.add(ssrc)?.mark(index);
        Ok(())
    }

    /// Opens an SRTCP packet in place and returns the length of the RTCP packet.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::NotEncrypted`], [`Error::Replay`], [`Error::AuthFailed`],
    /// [`Error::TooManyStreams`] beyond 128 senders; the content of `buf` is then undefined.
    pub fn open_rtcp(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let len = buf
            .len()
            .checked_sub(self.profile.rtcp_overhead())
            .ok_or(Error::Malformed)?;
        let body_len = len.checked_sub(RTCP_HEADER).ok_or(Error::Malformed)?;
        let (header, rest) = buf
            .split_at_mut_checked(RTCP_HEADER)
            .ok_or(Error::Malformed)?;
        let (body, trailer) = rest
            .split_at_mut_checked(body_len)
            .ok_or(Error::Malformed)?;
        let aead = self.profile != Profile::Aes128CmSha1_80;
        let first_len = if aead {
            self.profile.tag_len()
        } else {
            RTCP_INDEX
        };
        let (first, second) = trailer
            .split_at_checked(first_len)
            .ok_or(Error::Malformed)?;
        let (tag, word) = if aead {
            (first, second)
        } else {
            (second, first)
        };
        let word: [u8; RTCP_INDEX] = word.try_into().map_err(|_| Error::Malformed)?;
        let flagged = u32::from_be_bytes(word);
        if flagged & ENCRYPTED == 0 {
            return Err(Error::NotEncrypted);
        }
        let (ssrc, index) = (ssrc_at(header, 4)?, u64::from(flagged & !ENCRYPTED));
        let place = self.rtcp_streams.find(ssrc);
        let window = place.and_then(|place| self.rtcp_streams.windows.get_mut(place));
        if window.as_ref().is_some_and(|w| !w.is_free(index)) {
            return Err(Error::Replay);
        }
        self.rtcp.open(
            PacketId { ssrc, index },
            Associated::Rtcp(header, word),
            body,
            tag,
        )?;
        match window {
            Some(window) => window.mark(index),
            None => self.rtcp_streams.add(ssrc)?.mark(index),
        }
        Ok(len)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Windows by SSRC. The SSRCs lie together, so that finding one among dozens touches a cache line or two.
struct Streams<const WORDS: usize> {
    ssrcs: Vec<u32>,
    windows: Vec<Window<WORDS>>,
    most: usize,
}

impl<const WORDS: usize> Streams<WORDS> {
    const fn new(most: usize) -> Self {
        Self {
            ssrcs: Vec::new(),
            windows: Vec::new(),
            most,
        }
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    fn add(&mut self, ssrc: u32) -> Result<&mut Window<WORDS>, Error> {
        if self.ssrcs.len() >= self.most {
            return Err(Error::TooManyStreams);
        }
        self.ssrcs.push(ssrc);
        self.windows.push(Window::new());
        self.windows.last_mut().ok_or(Error::TooManyStreams)
    }
}

/// The index nearest to the highest one seen (RFC 3711 section 3.3.1 and appendix A).
fn estimate(highest: Option<u64>, sequence: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(sequence);
    };
    let (roc, last) = (highest >> 16, highest & 0xffff);
    let sequence = u64::from(sequence);
    let roc = if last < 0x8000 && sequence > last + 0x8000 {
        // Before the first roll-over there is nothing older: a leap forward then.
        roc.saturating_sub(1)
    } else if last >= 0x8000 && sequence + 0x8000 < last {
        (roc + 1) & 0xffff_ffff
    } else {
        roc
    };
    roc << 16 | sequence
}
