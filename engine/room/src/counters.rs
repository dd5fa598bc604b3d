// SPDX-License-Identifier: Apache-2.0
//! What a room did and what it refused: one closed list of reasons, counted.

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// Why a packet was not routed, not sent to a slot, or not sent again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Refusal {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Refusal {
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

refusals! {
    /// The participant may not be in the room any more.
    NoRightEnter = "no_right_enter",
    /// The publisher may not send audio.
    NoRightSendAudio = "no_right_send_audio",
    /// The publisher may not send its camera.
    NoRightSendVideo = "no_right_send_video",
    /// The publisher may not send its screen.
    NoRightSendScreen = "no_right_send_screen",
    /// The subscriber may not receive audio; once per packet and slot.
    NoRightReceiveAudio = "no_right_receive_audio",
    /// The subscriber may not receive cameras; once per packet and slot.
    NoRightReceiveVideo = "no_right_receive_video",
    /// The subscriber may not receive screens; once per packet and slot.
    NoRightReceiveScreen = "no_right_receive_screen",
    /// The track is muted.
    Muted = "muted",
    /// Media without a well-formed SFrame header in a room that demands sealing.
    ClearMedia = "clear_media",
    /// Part of a sealed frame whose first packet has not come yet; kept until it does.
    FrameStartMissing = "frame_start_missing",
    /// The participant has no such track or layer.
    UnknownTrack = "unknown_track",
    /// Padding only.
    Padding = "padding",
    /// The same packet index again.
    Duplicate = "duplicate",
    /// Older than anything the room remembers.
    TooOld = "too_old",
    /// A stream that another SSRC has just taken the place of.
    StaleStream = "stale_stream",
    /// Larger than a datagram may be.
    TooLarge = "too_large",
    /// More packets between two flushes than a room holds.
    Overrun = "overrun",
    /// The slot waits for a key frame; once per packet and slot.
    BeforeKeyFrame = "before_key_frame",
    /// The packet lies before the point where the slot switched to this stream; once per packet and slot.
    BeforeSwitch = "before_switch",
    /// The subscriber did not negotiate the codec; once per packet and slot.
    CodecNotNegotiated = "codec_not_negotiated",
    /// NACK for a packet that is not remembered.
    NackUnknown = "nack_unknown",
    /// NACK for a packet that was sent again a moment ago.
    NackRepeated = "nack_repeated",
    /// NACK beyond what the subscriber may have sent again.
    NackOverBudget = "nack_over_budget",
    /// NACK for a slot that negotiated no retransmission stream.
    NackWithoutRtx = "nack_without_rtx",
}

/// Counters of one room, from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Packets accepted for forwarding, whether or not somebody subscribes.
    pub accepted: u64,
    /// Packets handed to a subscriber's transport.
    pub forwarded: u64,
    /// Their payload bytes.
    pub forwarded_bytes: u64,
    /// Packets sent again on NACK.
    pub retransmitted: u64,
    /// Their payload bytes.
    pub retransmitted_bytes: u64,
    /// Key frames asked of publishers.
    pub key_frame_requests: u64,
    refused: [u64; Refusal::COUNT],
}

impl Counters {
    /// All at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            accepted: 0,
            forwarded: 0,
            forwarded_bytes: 0,
            retransmitted: 0,
            retransmitted_bytes: 0,
            key_frame_requests: 0,
            refused: [0; Refusal::COUNT],
        }
    }

    pub(crate) fn refuse(&mut self, reason: Refusal) {
        if let Some(counter) = self.refused.get_mut(reason as usize) {
            *counter += 1;
        }
    }

    /// How often something was refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason with its count.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL
            .iter()
            .copied()
            .zip(self.refused.iter().copied())
    }

    /// Adds another room's counts, to sum up a shard.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.forwarded += other.forwarded;
        self.forwarded_bytes += other.forwarded_bytes;
        self.retransmitted += other.retransmitted;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.key_frame_requests += other.key_frame_requests;
        for (sum, more) in self.refused.iter_mut().zip(&other.refused) {
            *sum += more;
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}
