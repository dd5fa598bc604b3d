// SPDX-License-Identifier: Apache-2.0
//! Why a datagram or a packet was refused: one closed list, counted.

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// Why a datagram or a packet was not taken or not sent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl DropReason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The stable code, for events and metric labels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

drop_reasons! {
    /// The first byte belongs to none of our protocols.
    UnknownProtocol = "unknown_protocol",
    /// No peer: neither the address nor the user name fragment is known. Counted by the shard.
    UnknownPeer = "unknown_peer",
    /// Not a STUN message, or one without FINGERPRINT.
    MalformedStun = "malformed_stun",
    /// STUN user name of somebody else.
    UnknownUfrag = "unknown_ufrag",
    /// STUN message integrity missing or wrong.
    BadIntegrity = "bad_integrity",
    /// STUN response to a request we did not send.
    UnexpectedStun = "unexpected_stun",
    /// Datagram over a path on which no authenticated check came.
    UnknownPath = "unknown_path",
    /// DTLS over a path on which no authenticated check came.
    DtlsUnvalidated = "dtls_unvalidated",
    /// The DTLS library gave up on this datagram.
    DtlsError = "dtls_error",
    /// Not an RTP packet.
    MalformedRtp = "malformed_rtp",
    /// Not an RTCP packet.
    MalformedRtcp = "malformed_rtcp",
    /// Media before the keys are there.
    NotConnected = "not_connected",
    /// SRTP or SRTCP tag wrong.
    AuthFailed = "auth_failed",
    /// SRTP or SRTCP packet seen before, or too old to know.
    Replay = "replay",
    /// More SSRCs than one peer may use.
    TooManyStreams = "too_many_streams",
    /// SSRC that nothing maps to a track and layer.
    UnknownSsrc = "unknown_ssrc",
    /// Payload type that the track did not negotiate.
    UnknownPayloadType = "unknown_payload_type",
    /// Payload whose clear part makes no sense for its codec.
    MalformedPayload = "malformed_payload",
    /// Packet that came after it was repaired or given up.
    Late = "late",
    /// Bandwidth probe: retransmission nobody asked for, or SSRC 0.
    Probe = "probe",
    /// The peer may not send audio.
    NoRightSendAudio = "no_right_send_audio",
    /// The peer may not send video.
    NoRightSendVideo = "no_right_send_video",
    /// The peer may not send its screen.
    NoRightSendScreen = "no_right_send_screen",
    /// The peer may not receive audio.
    NoRightReceiveAudio = "no_right_receive_audio",
    /// The peer may not receive video. Counted by the room.
    NoRightReceiveVideo = "no_right_receive_video",
    /// The peer may not receive screens. Counted by the room.
    NoRightReceiveScreen = "no_right_receive_screen",
    /// The publisher muted the track. Counted by the room.
    Muted = "muted",
    /// Unsealed media in a room that demands sealing. Counted by the room.
    NotSealed = "not_sealed",
    /// Nobody receives the track or layer. Counted by the room.
    NoSubscriber = "no_subscriber",
    /// No validated path to send over.
    NoPath = "no_path",
    /// The path may not get more until it answers our check.
    Unvalidated = "unvalidated",
    /// No such slot.
    UnknownSlot = "unknown_slot",
    /// The slot did not negotiate this codec.
    CodecNotNegotiated = "codec_not_negotiated",
    /// The slot has no retransmission stream.
    NoRetransmission = "no_retransmission",
    /// Larger than a datagram may be.
    TooLarge = "too_large",
    /// The packet index was sealed before.
    NonceReuse = "nonce_reuse",
    /// The header did not fit its extensions.
    HeaderOverflow = "header_overflow",
    /// The peer is closed.
    Closed = "closed",
}

/// One counter per [`DropReason`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::COUNT]);

impl DropCounters {
    /// All at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; DropReason::COUNT])
    }

    /// Counts one.
    pub fn count(&mut self, reason: DropReason) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter += 1;
        }
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Adds the other's counts, to sum up a shard.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().copied().zip(self.0.iter().copied())
    }

    /// The sum of all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Default for DropCounters {
    fn default() -> Self {
        Self::new()
    }
}
