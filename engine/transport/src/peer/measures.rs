// SPDX-License-Identifier: Apache-2.0
//! What was counted of one peer, for those who ask at control rate.

use std::time::{Duration, Instant};

use super::Peer;
use crate::measures::{Received, RoundTrip, RoundTripSource, SlotSent};

/// How long a round trip time that the peer's reports gave is preferred to that of a consent check: a few reports may
/// be lost, and a peer that receives nothing reports nothing.
const REPORTED_FOR: Duration = Duration::from_secs(5);

impl Peer {
    /// The round trip time, by the peer's receiver reports or else by consent checks.
    #[must_use]
    pub fn round_trip(&self, now: Instant) -> Option<RoundTrip> {
        let fresh =
            |(_, at): &(Duration, Instant)| now.saturating_duration_since(*at) < REPORTED_FOR;
        let reported = self.reported_rtt.filter(fresh).map(|(time, _)| RoundTrip {
            time,
            source: RoundTripSource::Rtcp,
        });
        reported.or_else(|| {
            let time = self.agent.rtt()?;
            let source = RoundTripSource::Stun;
            Some(RoundTrip { time, source })
        })
    }

    /// What came of one layer, by the track's place among the session's sends. `None` before its first packet.
    #[must_use]
    pub fn received(&self, track: u8, layer: u8) -> Option<Received> {
        let of = |l: &&crate::incoming::Layer| l.track == track && l.layer == layer;
        self.incoming.layers.iter().find(of)?.received()
    }

    /// What was sent in a slot; all zero for one that is not there.
    #[must_use]
    pub fn sent(&self, slot: u16) -> SlotSent {
        let slot = self.slots.get(usize::from(slot));
        slot.map_or_else(SlotSent::default, |slot| slot.sent())
    }
}
