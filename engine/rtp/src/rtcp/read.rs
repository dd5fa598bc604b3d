// SPDX-License-Identifier: Apache-2.0
//! Reads a compound: one packet after the other, each within its own length.

use super::{ReportBlock, SenderInfo, packet_type};
use crate::Error;
use crate::twcc::Feedback;

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// Sender report.
    SenderReport(SenderReport<'a>),
    /// Receiver report: who sends it, and its blocks.
    ReceiverReport {
        /// The reporter.
        ssrc: u32,
        /// What it received.
        blocks: ReportBlocks<'a>,
    },
    /// Source description; its content is of no use here.
    SourceDescription,
    /// Goodbye.
    Bye(Bye<'a>),
    /// Generic NACK (RFC 4585 section 6.2.1).
    Nack(Nack<'a>),
    /// Picture loss indication (RFC 4585 section 6.3.1).
    Pli {
        /// Whose picture.
        media_ssrc: u32,
    },
    /// Full intra request (RFC 5104 section 4.3.1).
    Fir(Fir<'a>),
    /// Transport-wide feedback.
    TransportFeedback(Feedback<'a>),
    /// Receiver estimated maximum bit rate.
    Remb(Remb),
    /// Extended report; not looked at.
    ExtendedReport,
    /// Well formed, of a kind nobody here knows.
    Unknown {
        /// Packet type.
        packet_type: u8,
        /// Count or feedback format.
        format: u8,
    },
}

/// A sender report.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// What it says of the sender.
    pub info: SenderInfo,
    /// What the sender received.
    pub blocks: ReportBlocks<'a>,
}

/// Walks the packets of a compound (RFC 3550 section 6.1). An error ends the walk.
#[must_use]
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Iterator over the packets of a compound.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken)
    }
}

impl<'a> Packets<'a> {
    fn take(&mut self) -> Result<Packet<'a>, Error> {
        let [first, packet_type, l0, l1] = *self.rest.first_chunk::<4>().ok_or(Error::Truncated)?;
        if first >> 6 != 2 {
            return Err(Error::BadVersion);
        }
        let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let (packet, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = rest;
        let mut body = packet.get(4..).unwrap_or_default();
        if first & 0x20 != 0 {
            let padding = usize::from(*body.last().ok_or(Error::BadPadding)?);
            // Only the last packet may be padded (RFC 3550 section 6.4.1).
            if padding == 0 || padding > body.len() || !rest.is_empty() {
                return Err(Error::BadPadding);
            }
            body = &body[..body.len() - padding];
        }
        read(packet_type, first & 0x1f, body)
    }
}

fn read(packet_type: u8, count: u8, body: &[u8]) -> Result<Packet<'_>, Error> {
    match (packet_type, count) {
        (packet_type::SENDER_REPORT, _) => sender_report(count, body),
        (packet_type::RECEIVER_REPORT, _) => Ok(Packet::ReceiverReport {
            ssrc: word(body, 0)?,
            blocks: report_blocks(count, body, 4)?,
        }),
        (packet_type::SOURCE_DESCRIPTION, _) => Ok(Packet::SourceDescription),
        (packet_type::BYE, _) => {
            let sources = body.get(..usize::from(count) * 4).ok_or(Error::BadLength)?;
            Ok(Packet::Bye(Bye { sources }))
        }
        (packet_type::TRANSPORT_FEEDBACK, 1) => Ok(Packet::Nack(Nack {
            media_ssrc: word(body, 4)?,
            items: whole(body, 8, 4)?,
        })),
        (packet_type::TRANSPORT_FEEDBACK, 15) => {
            Ok(Packet::TransportFeedback(Feedback::parse(body)?))
        }
        (packet_type::PAYLOAD_FEEDBACK, 1) => Ok(Packet::Pli {
            media_ssrc: word(body, 4)?,
        }),
        (packet_type::PAYLOAD_FEEDBACK, 4) => Ok(Packet::Fir(Fir {
            items: whole(body, 8, 8)?,
        })),
        (packet_type::PAYLOAD_FEEDBACK, 15) if body.get(8..12) == Some(b"REMB") => remb(body),
        (packet_type::EXTENDED_REPORT, _) => Ok(Packet::ExtendedReport),
        (packet_type, format) => Ok(Packet::Unknown {
            packet_type,
            format,
        }),
    }
}

fn sender_report(count: u8, body: &[u8]) -> Result<Packet<'_>, Error> {
    let info = SenderInfo {
        ssrc: word(body, 0)?,
        ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
        rtp_timestamp: word(body, 12)?,
        packets: word(body, 16)?,
        octets: word(body, 20)?,
    };
    let blocks = report_blocks(count, body, 24)?;
    Ok(Packet::SenderReport(SenderReport { info, blocks }))
}

fn report_blocks(count: u8, body: &[u8], at: usize) -> Result<ReportBlocks<'_>, Error> {
    let bytes = body
        .get(at..at + usize::from(count) * REPORT_BLOCK)
        .ok_or(Error::BadLength)?;
    Ok(ReportBlocks { bytes })
}

fn remb(body: &[u8]) -> Result<Packet<'_>, Error> {
    let value = word(body, 12)?;
    let (exponent, mantissa) = (value >> 18 & 0x3f, u64::from(value & 0x3_ffff));
    // 2^63 bit/s is as good as any higher number.
    let bits_per_second = mantissa
        .checked_shl(exponent)
        .filter(|bits| bits >> exponent == mantissa);
    Ok(Packet::Remb(Remb {
        bits_per_second: bits_per_second.unwrap_or(1 << 63),
    }))
}

/// The items behind `at`: at least one, none cut off.
fn whole(body: &[u8], at: usize, item: usize) -> Result<&[u8], Error> {
    let items = body.get(at..).ok_or(Error::Truncated)?;
    if items.is_empty() || items.len() % item != 0 {
        return Err(Error::BadLength);
    }
    Ok(items)
}

fn word(body: &[u8], at: usize) -> Result<u32, Error> {
    let bytes = body.get(at..).and_then(|rest| rest.first_chunk::<4>());
    bytes
        .map(|bytes| u32::from_be_bytes(*bytes))
        .ok_or(Error::Truncated)
}

const REPORT_BLOCK: usize = 24;

/// Iterator over report blocks.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.bytes.split_at_checked(REPORT_BLOCK)?;
        self.bytes = rest;
        let word = |at| word(block, at).unwrap_or(0);
        // Sign extension from 24 bits.
        let lost = (word(4) << 8).cast_signed() >> 8;
        Some(ReportBlock {
            ssrc: word(0),
            fraction_lost: block[4],
            cumulative_lost: lost,
            highest_sequence: word(8),
            jitter: word(12),
            last_sender_report: word(16),
            delay_since_last_sender_report: word(20),
        })
    }
}

/// A goodbye.
#[derive(Clone, Copy, Debug)]
pub struct Bye<'a> {
    sources: &'a [u8],
}

impl Bye<'_> {
    /// The sources that end.
    pub fn sources(&self) -> impl Iterator<Item = u32> + '_ {
        self.sources
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// A generic NACK.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// The stream that has holes.
    pub media_ssrc: u32,
    items: &'a [u8],
}

impl<'a> Nack<'a> {
    /// The sequence numbers that are missed: at most 17 for each 4 bytes received.
    #[must_use]
    pub fn sequences(&self) -> NackedSequences<'a> {
        NackedSequences {
            items: self.items,
            next: 0,
            mask: 0,
        }
    }
}

/// Iterator over missed sequence numbers.
#[derive(Clone, Copy, Debug)]
pub struct NackedSequences<'a> {
    items: &'a [u8],
    next: u16,
    mask: u16,
}

impl Iterator for NackedSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (&[p0, p1, m0, m1], rest) = self.items.split_first_chunk::<4>()?;
            self.items = rest;
            let first = u16::from_be_bytes([p0, p1]);
            self.mask = u16::from_be_bytes([m0, m1]);
            self.next = first;
            return Some(first);
        }
        let skip = self.mask.trailing_zeros();
        // Two shifts: the mask may have its only bit at the top.
        self.mask = self.mask >> skip >> 1;
        self.next = self.next.wrapping_add(u16::try_from(skip).unwrap_or(0) + 1);
        Some(self.next)
    }
}

/// A full intra request.
#[derive(Clone, Copy, Debug)]
pub struct Fir<'a> {
    items: &'a [u8],
}

impl Fir<'_> {
    /// The sources that are asked for a key frame, with the number of the command.
    pub fn requests(&self) -> impl Iterator<Item = (u32, u8)> + '_ {
        self.items.as_chunks::<8>().0.iter().map(|item| {
            (
                u32::from_be_bytes([item[0], item[1], item[2], item[3]]),
                item[4],
            )
        })
    }
}

/// Receiver estimated maximum bit rate (draft-alvestrand-rmcat-remb-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb {
    /// The estimate.
    pub bits_per_second: u64,
}
