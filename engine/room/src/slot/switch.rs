// SPDX-License-Identifier: Apache-2.0
//! Which RTP timestamp the first packet of another stream gets, so that a slot's time runs on.

use std::time::Duration;

use transport::RtpClock;

use crate::slot::Slot;
use crate::slot::numbering::StreamId;
use crate::track::TrackState;
use crate::track::ring::Entry;

/// Clocks that differ more from the time of arrival than this are not believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// The timestamp the slot's receiver shall see on `first`, the first packet of `stream`.
///
/// Between layers of one track the publisher's sender reports say how their clocks lie to each other. Without them, and
/// between sources, the time since the last packet stands for it. It always runs forward.
pub(crate) fn first_timestamp(
    slot: &Slot,
    track: &TrackState,
    stream: StreamId,
    first: &Entry,
) -> u32 {
    let Some((last_sent, last)) = slot.numbering.last_sent() else {
        return first.timestamp;
    };
    let rate = track.clock_rate();
    let elapsed = ticks(first.arrival.saturating_duration_since(last_sent), rate).max(1);
    let by_arrival = last.wrapping_add(elapsed);
    let Some(by_clock) =
        clock_offset(slot, track, stream).map(|offset| first.timestamp.wrapping_add(offset))
    else {
        return by_arrival;
    };
    let apart = by_clock.wrapping_sub(by_arrival) as i32;
    if apart.unsigned_abs() > ticks(BELIEVED, rate) {
        return by_arrival;
    }
    // Of the same moment as, or of one before, the last picture of the other layer: just behind that.
    if by_clock.wrapping_sub(last) as i32 <= 0 {
        last.wrapping_add(1)
    } else {
        by_clock
    }
}

/// What to add to the new stream's timestamps so that they go on with those of the layer that flows now.
fn clock_offset(slot: &Slot, track: &TrackState, stream: StreamId) -> Option<u32> {
    let old = slot.numbering.stream()?;
    let old_layer = track.layer(old.layer).filter(|layer| layer.stream == old)?;
    let (from, to) = (old_layer.clock?, track.layer(stream.layer)?.clock?);
    let seen = from
        .timestamp
        .wrapping_add(slot.numbering.timestamp_offset()?);
    Some(seen.wrapping_sub(at(to, from, track.clock_rate())))
}

/// What `clock` showed at the moment of `other`.
fn at(clock: RtpClock, other: RtpClock, rate: u32) -> u32 {
    if other.at >= clock.at {
        clock
            .timestamp
            .wrapping_add(ticks(other.at - clock.at, rate))
    } else {
        clock
            .timestamp
            .wrapping_sub(ticks(clock.at - other.at, rate))
    }
}

fn ticks(time: Duration, rate: u32) -> u32 {
    (time.as_nanos() * u128::from(rate) / 1_000_000_000) as u32
}
