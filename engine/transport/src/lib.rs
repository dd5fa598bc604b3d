// SPDX-License-Identifier: Apache-2.0
//! One peer, without I/O: ICE, DTLS, SRTP and RTCP behind the [`PeerTransport`] trait.
#![forbid(unsafe_code)]

mod drops;
mod dtls;
mod egress;
mod face;
mod identity;
mod incoming;
mod measures;
mod outgoing;
mod peer;
pub mod session;

pub use drops::{DropCounters, DropReason};
pub use egress::{Egress, MAX_DATAGRAM, MAX_RUN, MAX_SEGMENTS, Slab, Transmit};
pub use face::{
    CloseReason, Input, OutgoingRtp, PeerEvent, PeerTransport, RtpClock, RtpIn, Sent, Span,
};
pub use identity::{DtlsIdentity, IdentityError};
pub use measures::{Received, RoundTrip, RoundTripSource, SlotReport, SlotSent};
pub use peer::Peer;
pub use session::{Rights, Session, SessionError};
