// SPDX-License-Identifier: Apache-2.0
//! RTCP compounds (RFC 3550 section 6, RFC 4585, RFC 5104): read packet by packet, written into the caller's buffer.

mod read;
mod write;

pub use read::{
    Bye, Fir, Nack, NackedSequences, Packet, Packets, Remb, ReportBlocks, SenderReport, packets,
};
pub use write::{
    write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_sdes_cname,
    write_sender_report,
};

/// Packet types.
pub mod packet_type {
    /// Sender report.
    pub const SENDER_REPORT: u8 = 200;
    /// Receiver report.
    pub const RECEIVER_REPORT: u8 = 201;
    /// Source description.
    pub const SOURCE_DESCRIPTION: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Transport layer feedback (RFC 4585).
    pub const TRANSPORT_FEEDBACK: u8 = 205;
    /// Payload specific feedback (RFC 4585).
    pub const PAYLOAD_FEEDBACK: u8 = 206;
    /// Extended report (RFC 3611).
    pub const EXTENDED_REPORT: u8 = 207;
}

/// One report block (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source it speaks of.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning, 24 bits with sign.
    pub cumulative_lost: i32,
    /// Highest sequence number with its roll-overs.
    pub highest_sequence: u32,
    /// Interarrival jitter, in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report.
    pub last_sender_report: u32,
    /// Time since then, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// What a sender report says of its sender (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The sender.
    pub ssrc: u32,
    /// NTP time of the report, 32.32 seconds since 1900.
    pub ntp: u64,
    /// The same moment as RTP timestamp.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

#[cfg(test)]
mod tests;
