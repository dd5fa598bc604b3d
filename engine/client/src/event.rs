// SPDX-License-Identifier: Apache-2.0
//! What a client tells.

use std::net::SocketAddr;

use sframe::{Codec, Refusal, Track};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Media may flow.
    Connected,
    /// The connection is over.
    Closed,
    /// Somebody needs a key frame of ours.
    KeyFrame {
        /// Of this track.
        track: Track,
        /// Of this simulcast layer, 0 the smallest.
        layer: u8,
    },
    /// A frame opened.
    Frame {
        /// Receive slot.
        slot: usize,
        /// The sender's place in the roster.
        index: u16,
        /// The sender's track.
        track: Track,
        /// Its codec.
        codec: Codec,
        /// RTP timestamp.
        timestamp: u32,
        /// The frame as the encoder put it out.
        data: Vec<u8>,
    },
    /// A frame of a room without sealing ([`crate::Sealing::Off`]): whose it is only the operator says.
    Clear {
        /// Receive slot.
        slot: usize,
        /// Its codec.
        codec: Codec,
        /// RTP timestamp.
        timestamp: u32,
        /// The frame.
        data: Vec<u8>,
    },
    /// A video frame as the operator handed it over, before it is opened.
    Sealed {
        /// Receive slot.
        slot: usize,
        /// RTP timestamp.
        timestamp: u32,
        /// What the packets held.
        data: Vec<u8>,
    },
    /// A frame did not open.
    Refused {
        /// Receive slot.
        slot: usize,
        /// Why.
        reason: Refusal,
    },
}

/// A datagram to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Where to.
    pub destination: SocketAddr,
    /// Its bytes.
    pub contents: Vec<u8>,
}

/// Counters of a client, over all its connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Frames sealed and sent.
    pub frames_sent: u64,
    /// Frames dropped: no secret yet, not connected, or malformed.
    pub frames_dropped: u64,
    /// Frames that opened, or came in clear where nothing is sealed.
    pub frames_opened: u64,
    /// RTP packets sent, without retransmissions.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// Bytes of all datagrams sent: media, feedback, checks.
    pub bytes_sent: u64,
    /// Bytes of all datagrams received.
    pub bytes_received: u64,
    /// Frames and other events that were not collected in time.
    pub events_dropped: u64,
}
