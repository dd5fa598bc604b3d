// SPDX-License-Identifier: Apache-2.0
//! The port through which a room hands on what it forwards.

use rtp::Codec;
use transport::session::Track;

/// A media packet that the room accepted for forwarding: as the publisher sent it, plaintext of SRTP. In a sealed room
/// the payload is ciphertext of the members.
#[derive(Clone, Copy)]
pub struct Forwarded<'a> {
    /// The room.
    pub room: u64,
    /// The publishing peer, by the id its caller chose.
    pub source: u64,
    /// Which of its tracks.
    pub track: Track,
    /// Simulcast layer, 0 the lowest.
    pub layer: u8,
    /// Packet index of the publisher's stream, counted over roll-overs.
    pub ext_sequence: u64,
    /// RTP timestamp of the publisher's stream.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// What the payload is.
    pub codec: Codec,
    /// RTP payload without padding.
    pub payload: &'a [u8],
}

/// Receives every packet a room accepts for forwarding, once, subscribers or not, in the order of acceptance.
///
/// **It runs on the packet path: what it does there delays the room.**
pub trait Sink: Send {
    /// Takes one packet; `packet.payload` is valid during the call only.
    fn packet(&mut self, packet: &Forwarded<'_>);
}
