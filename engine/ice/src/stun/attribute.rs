// SPDX-License-Identifier: Apache-2.0
//! Attribute types (RFC 8489 section 18.3, RFC 8445 section 20.1).

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const PRIORITY: u16 = 0x0024;
pub(super) const USE_CANDIDATE: u16 = 0x0025;
pub(super) const FINGERPRINT: u16 = 0x8028;
pub(super) const ICE_CONTROLLED: u16 = 0x8029;
pub(super) const ICE_CONTROLLING: u16 = 0x802a;

/// Known, and harmless to skip in a request or an answer.
const SKIPPED: [u16; 6] = [
    0x0001, // MAPPED-ADDRESS
    UNKNOWN_ATTRIBUTES,
    0x0014, // REALM
    0x0015, // NONCE
    0x001c, // MESSAGE-INTEGRITY-SHA256
    0x001e, // USERHASH
];

/// Whether a request with this attribute must be refused because it is not understood.
pub(super) fn must_be_understood(kind: u16) -> bool {
    kind < 0x8000 && !SKIPPED.contains(&kind)
}
