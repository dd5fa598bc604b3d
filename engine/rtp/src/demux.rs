// SPDX-License-Identifier: Apache-2.0
//! Which protocol a datagram speaks (RFC 7983 section 7, RFC 5761 section 4).

/// A protocol that shares the media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// STUN: first byte 0 to 3.
    Stun,
    /// DTLS: first byte 20 to 63.
    Dtls,
    /// RTP: first byte 128 to 191.
    Rtp,
    /// RTCP: as RTP, with a second byte of 192 to 223.
    Rtcp,
}

/// Tells the protocol by the first two bytes; `None` for anything else.
#[must_use]
pub fn demux(datagram: &[u8]) -> Option<Kind> {
    match (*datagram.first()?, datagram.get(1)) {
        (0..=3, _) => Some(Kind::Stun),
        (20..=63, _) => Some(Kind::Dtls),
        (128..=191, Some(192..=223)) => Some(Kind::Rtcp),
        (128..=191, Some(_)) => Some(Kind::Rtp),
        _ => None,
    }
}
