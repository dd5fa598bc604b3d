// SPDX-License-Identifier: Apache-2.0
//! Writes packets of a compound into the front of a buffer; each returns its length.

use super::{ReportBlock, SenderInfo, packet_type};
use crate::Error;

/// Most report blocks in one report.
const MOST_BLOCKS: usize = 31;

/// Fills a buffer from its front; what does not fit is an error at the end.
struct Cursor<'a> {
    dst: &'a mut [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Begins a packet of `len` bytes, a multiple of 4, with its common header.
    fn begin(dst: &'a mut [u8], count: usize, packet_type: u8, len: usize) -> Result<Self, Error> {
        let dst = dst.get_mut(..len).ok_or(Error::NoSpace)?;
        let words = u16::try_from(len / 4 - 1).map_err(|_| Error::TooLarge)?;
        let count = u8::try_from(count)
            .ok()
            .filter(|count| *count <= 31)
            .ok_or(Error::TooLarge)?;
        let mut cursor = Self { dst, at: 0 };
        cursor.put(&[0x80 | count, packet_type]);
        cursor.put(&words.to_be_bytes());
        Ok(cursor)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.dst[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn word(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// The length; what is left of the packet is zeroed.
    fn end(self) -> usize {
        self.dst[self.at..].fill(0);
        self.dst.len()
    }
}

fn put_blocks(cursor: &mut Cursor<'_>, blocks: &[ReportBlock]) {
    for block in blocks {
        let lost = block
            .cumulative_lost
            .clamp(-0x80_0000, 0x7f_ffff)
            .cast_unsigned()
            & 0xff_ffff;
        cursor.word(block.ssrc);
        cursor.word(u32::from(block.fraction_lost) << 24 | lost);
        cursor.word(block.highest_sequence);
        cursor.word(block.jitter);
        cursor.word(block.last_sender_report);
        cursor.word(block.delay_since_last_sender_report);
    }
}

/// A sender report with up to 31 blocks.
///
/// # Errors
/// [`Error::NoSpace`] if `dst` is too small, [`Error::TooLarge`] for more blocks.
pub fn write_sender_report(
    dst: &mut [u8],
    info: &SenderInfo,
    blocks: &[ReportBlock],
) -> Result<usize, Error> {
    check_blocks(blocks)?;
    let mut cursor = Cursor::begin(
        dst,
        blocks.len(),
        packet_type::SENDER_REPORT,
        28 + blocks.len() * 24,
    )?;
    cursor.word(info.ssrc);
    cursor.put(&info.ntp.to_be_bytes());
    cursor.word(info.rtp_timestamp);
    cursor.word(info.packets);
    cursor.word(info.octets);
    put_blocks(&mut cursor, blocks);
    Ok(cursor.end())
}

/// A receiver report with up to 31 blocks.
///
/// # Errors
/// As [`write_sender_report`].
pub fn write_receiver_report(
    dst: &mut [u8],
    sender: u32,
    blocks: &[ReportBlock],
) -> Result<usize, Error> {
    check_blocks(blocks)?;
    let mut cursor = Cursor::begin(
        dst,
        blocks.len(),
        packet_type::RECEIVER_REPORT,
        8 + blocks.len() * 24,
    )?;
    cursor.word(sender);
    put_blocks(&mut cursor, blocks);
    Ok(cursor.end())
}

fn check_blocks(blocks: &[ReportBlock]) -> Result<(), Error> {
    if blocks.len() > MOST_BLOCKS {
        Err(Error::TooLarge)
    } else {
        Ok(())
    }
}

/// A source description of one source with its canonical name (RFC 3550 section 6.5.1), up to 255 bytes.
///
/// # Errors
/// [`Error::NoSpace`], or [`Error::TooLarge`] for a longer name.
pub fn write_sdes_cname(dst: &mut [u8], ssrc: u32, cname: &str) -> Result<usize, Error> {
    let name_len = u8::try_from(cname.len()).map_err(|_| Error::TooLarge)?;
    // Chunk: SSRC, item, at least one zero, up to a word's end.
    let len = 4 + (4 + 2 + cname.len() + 1).next_multiple_of(4);
    let mut cursor = Cursor::begin(dst, 1, packet_type::SOURCE_DESCRIPTION, len)?;
    cursor.word(ssrc);
    cursor.put(&[1, name_len]);
    cursor.put(cname.as_bytes());
    Ok(cursor.end())
}

/// A goodbye of one source.
///
/// # Errors
/// [`Error::NoSpace`].
pub fn write_bye(dst: &mut [u8], ssrc: u32) -> Result<usize, Error> {
    let mut cursor = Cursor::begin(dst, 1, packet_type::BYE, 8)?;
    cursor.word(ssrc);
    Ok(cursor.end())
}

/// A generic NACK. `missing` in rising order (over the roll-over too): neighbours within 16 share an item.
///
/// # Errors
/// [`Error::NoSpace`], or [`Error::BadLength`] if nothing is missing.
pub fn write_nack(
    dst: &mut [u8],
    sender: u32,
    media: u32,
    missing: &[u16],
) -> Result<usize, Error> {
    let items = nack_items(missing).count();
    if items == 0 {
        return Err(Error::BadLength);
    }
    let mut cursor = Cursor::begin(dst, 1, packet_type::TRANSPORT_FEEDBACK, 12 + items * 4)?;
    cursor.word(sender);
    cursor.word(media);
    for (first, mask) in nack_items(missing) {
        cursor.put(&first.to_be_bytes());
        cursor.put(&mask.to_be_bytes());
    }
    Ok(cursor.end())
}

fn nack_items(missing: &[u16]) -> impl Iterator<Item = (u16, u16)> + '_ {
    let mut rest = missing;
    std::iter::from_fn(move || {
        let (&first, mut after) = rest.split_first()?;
        let mut mask = 0;
        while let Some((&next, further)) = after.split_first() {
            let distance = next.wrapping_sub(first);
            if !(1..=16).contains(&distance) {
                break;
            }
            mask |= 1 << (distance - 1);
            after = further;
        }
        rest = after;
        Some((first, mask))
    })
}

/// A picture loss indication.
///
/// # Errors
/// [`Error::NoSpace`].
pub fn write_pli(dst: &mut [u8], sender: u32, media: u32) -> Result<usize, Error> {
    let mut cursor = Cursor::begin(dst, 1, packet_type::PAYLOAD_FEEDBACK, 12)?;
    cursor.word(sender);
    cursor.word(media);
    Ok(cursor.end())
}

/// A full intra request to one source; `command` rises with each new request.
///
/// # Errors
/// [`Error::NoSpace`].
pub fn write_fir(dst: &mut [u8], sender: u32, media: u32, command: u8) -> Result<usize, Error> {
    let mut cursor = Cursor::begin(dst, 4, packet_type::PAYLOAD_FEEDBACK, 20)?;
    cursor.word(sender);
    cursor.word(0);
    cursor.word(media);
    cursor.put(&[command]);
    Ok(cursor.end())
}
