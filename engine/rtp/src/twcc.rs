// SPDX-License-Identifier: Apache-2.0
//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): what arrived when,
//! as the sender's bandwidth estimation wants it.

mod feedback;
mod recorder;

pub use feedback::{Feedback, Reports};
pub use recorder::TwccRecorder;

/// Unit of arrival deltas.
const TICK_MICROS: i64 = 250;
/// Unit of the reference time, in ticks (64 ms).
const REFERENCE_TICKS: i64 = 256;

/// Status of one packet: its arrival delta is absent, one unsigned byte, or two bytes with sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Missing,
    Small,
    Large,
}

impl Status {
    const fn of(delta: i16) -> Self {
        if delta >= 0 && delta <= 0xff {
            Self::Small
        } else {
            Self::Large
        }
    }

    const fn symbol(self) -> u16 {
        match self {
            Self::Missing => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    const fn delta_len(self) -> usize {
        self.symbol() as usize
    }
}

#[cfg(test)]
mod tests;
