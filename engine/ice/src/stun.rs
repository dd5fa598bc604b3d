// SPDX-License-Identifier: Apache-2.0
//! STUN messages as ICE uses them: parse to borrowed fields, write into a buffer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use thiserror::Error;

mod attribute;
mod write;

pub use write::Writer;

/// The method of all messages of ICE (RFC 8489 section 18.2).
pub const BINDING: u16 = 1;
/// Bytes before the first attribute.
pub const HEADER: usize = 20;
/// Longer messages are refused: no check of a browser comes near, and each costs a checksum.
pub const MAX_MESSAGE: usize = 1_280;

pub(crate) const COOKIE: u32 = 0x2112_a442;
const FINGERPRINT_XOR: u32 = 0x5354_554e;
const INTEGRITY_LEN: usize = 20;

/// Names a request and its answer.
pub type TransactionId = [u8; 12];

/// What kind of message it is (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The answer to a request that was fine.
    Success,
    /// The answer to one that was not.
    Error,
}

/// Why bytes are not a STUN message, or not one to trust.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StunError {
    /// Header, lengths or an attribute do not fit together.
    #[error("malformed_stun: not a well-formed STUN message; drop it")]
    Malformed,
    /// The FINGERPRINT is wrong, or something follows it.
    #[error("bad_fingerprint: the message was damaged; drop it")]
    BadFingerprint,
    /// MESSAGE-INTEGRITY is missing or wrong.
    #[error("bad_integrity: the sender does not know the password; drop it")]
    BadIntegrity,
}

/// A parsed message. Attributes that ICE does not use are skipped; of one that occurs twice the first counts, and what
/// follows MESSAGE-INTEGRITY is ignored except FINGERPRINT (RFC 8489 section 14.5).
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Request, indication, success or error.
    pub class: Class,
    /// [`BINDING`], or something else.
    pub method: u16,
    /// Names the request.
    pub transaction: TransactionId,
    /// USERNAME.
    pub username: Option<&'a [u8]>,
    /// PRIORITY.
    pub priority: Option<u32>,
    /// Whether USE-CANDIDATE is there.
    pub use_candidate: bool,
    /// Tie breaker of ICE-CONTROLLING.
    pub controlling: Option<u64>,
    /// Tie breaker of ICE-CONTROLLED.
    pub controlled: Option<u64>,
    /// XOR-MAPPED-ADDRESS.
    pub mapped: Option<SocketAddr>,
    /// ERROR-CODE, 300 to 699.
    pub error_code: Option<u16>,
    /// Whether a right FINGERPRINT ends the message.
    pub fingerprint: bool,
    /// The first attribute that must be understood and is not (RFC 8489 section 6.3.1).
    pub unknown_required: Option<u16>,
    integrity_at: Option<usize>,
}

impl<'a> Message<'a> {
    /// Parses one datagram.
    ///
    /// # Errors
    /// [`StunError::Malformed`] or [`StunError::BadFingerprint`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, StunError> {
        let (class, method, transaction) = parse_header(bytes)?;
        let mut message = Self {
            bytes,
            class,
            method,
            transaction,
            username: None,
            priority: None,
            use_candidate: false,
            controlling: None,
            controlled: None,
            mapped: None,
            error_code: None,
            fingerprint: false,
            unknown_required: None,
            integrity_at: None,
        };
        let mut at = HEADER;
        while at < bytes.len() {
            let (kind, value, next) = attribute_at(bytes, at)?;
            if message.fingerprint {
                return Err(StunError::BadFingerprint);
            }
            message.take(kind, value, at)?;
            at = next;
        }
        Ok(message)
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), StunError> {
        if kind == attribute::FINGERPRINT {
            check_fingerprint(self.bytes, value, at)?;
            self.fingerprint = true;
            return Ok(());
        }
        if self.integrity_at.is_some() {
            return Ok(());
        }
        match kind {
            attribute::USERNAME => {
                self.username.get_or_insert(value);
            }
            attribute::PRIORITY => {
                self.priority
                    .get_or_insert(u32::from_be_bytes(exact(value)?));
            }
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => {
                self.controlling
                    .get_or_insert(u64::from_be_bytes(exact(value)?));
            }
            attribute::ICE_CONTROLLED => {
                self.controlled
                    .get_or_insert(u64::from_be_bytes(exact(value)?));
            }
            attribute::XOR_MAPPED_ADDRESS => {
                self.mapped
                    .get_or_insert(xor_address(value, &self.transaction)?);
            }
            attribute::ERROR_CODE => {
                self.error_code.get_or_insert(error_code(value)?);
            }
            attribute::MESSAGE_INTEGRITY if value.len() == INTEGRITY_LEN => {
                self.integrity_at = Some(at)
            }
            attribute::MESSAGE_INTEGRITY => return Err(StunError::Malformed),
            _ if attribute::must_be_understood(kind) => {
                self.unknown_required.get_or_insert(kind);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks MESSAGE-INTEGRITY in constant time.
    ///
    /// # Errors
    /// [`StunError::BadIntegrity`] if it is missing or wrong.
    pub fn verify(&self, key: &hmac::Key) -> Result<(), StunError> {
        let at = self.integrity_at.ok_or(StunError::BadIntegrity)?;
        let expected = integrity(self.bytes, at, key).ok_or(StunError::BadIntegrity)?;
        let found = self
            .bytes
            .get(at + 4..at + 4 + INTEGRITY_LEN)
            .ok_or(StunError::BadIntegrity)?;
        verify_slices_are_equal(&expected, found).map_err(|_| StunError::BadIntegrity)
    }
}

/// The fragment of the server in the USERNAME of a Binding request (the part before the colon): what a shard looks a
/// peer up by. Authenticates nothing, allocates nothing, and costs one walk over the attributes.
#[must_use]
pub fn server_ufrag(datagram: &[u8]) -> Option<&[u8]> {
    let (class, method, _) = parse_header(datagram).ok()?;
    if class != Class::Request || method != BINDING {
        return None;
    }
    let mut at = HEADER;
    while at < datagram.len() {
        let (kind, value, next) = attribute_at(datagram, at).ok()?;
        if kind == attribute::USERNAME {
            let colon = value.iter().position(|c| *c == b':')?;
            return value.get(..colon);
        }
        at = next;
    }
    None
}

fn parse_header(bytes: &[u8]) -> Result<(Class, u16, TransactionId), StunError> {
    let [t0, t1, l0, l1, c0, c1, c2, c3, transaction @ ..]: [u8; HEADER] = bytes
        .get(..HEADER)
        .and_then(|b| b.try_into().ok())
        .ok_or(StunError::Malformed)?;
    let (kind, len) = (
        u16::from_be_bytes([t0, t1]),
        usize::from(u16::from_be_bytes([l0, l1])),
    );
    let fits = len % 4 == 0 && bytes.len() == HEADER + len && bytes.len() <= MAX_MESSAGE;
    if !fits || kind & 0xc000 != 0 || u32::from_be_bytes([c0, c1, c2, c3]) != COOKIE {
        return Err(StunError::Malformed);
    }
    let class = match (kind & 0x0100 != 0, kind & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    let method = kind & 0x000f | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2;
    Ok((class, method, transaction))
}

/// Type, value and the place of the next attribute.
fn attribute_at(bytes: &[u8], at: usize) -> Result<(u16, &[u8], usize), StunError> {
    let [k0, k1, l0, l1]: [u8; 4] = bytes
        .get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .ok_or(StunError::Malformed)?;
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    let value = bytes
        .get(at + 4..at + 4 + len)
        .ok_or(StunError::Malformed)?;
    let next = at + 4 + len.next_multiple_of(4);
    if next > bytes.len() {
        return Err(StunError::Malformed);
    }
    Ok((u16::from_be_bytes([k0, k1]), value, next))
}

fn check_fingerprint(bytes: &[u8], value: &[u8], at: usize) -> Result<(), StunError> {
    let found = u32::from_be_bytes(exact(value)?);
    let covered = bytes.get(..at).ok_or(StunError::Malformed)?;
    // The length in the header must count the FINGERPRINT and nothing behind it.
    if at + 8 == bytes.len() && found == fingerprint(covered) {
        Ok(())
    } else {
        Err(StunError::BadFingerprint)
    }
}

/// RFC 8489 section 14.7, over everything before the attribute.
pub(crate) fn fingerprint(covered: &[u8]) -> u32 {
    crc32fast::hash(covered) ^ FINGERPRINT_XOR
}

/// RFC 8489 section 14.5: HMAC-SHA1 over everything before the attribute at `at`, with a header whose length ends
/// behind that attribute.
pub(crate) fn integrity(bytes: &[u8], at: usize, key: &hmac::Key) -> Option<[u8; INTEGRITY_LEN]> {
    let len = u16::try_from(at + 4 + INTEGRITY_LEN - HEADER).ok()?;
    let mut context = hmac::Context::with_key(key);
    context.update(bytes.get(..2)?);
    context.update(&len.to_be_bytes());
    context.update(bytes.get(4..at)?);
    context.sign().as_ref().try_into().ok()
}

fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Malformed)
}

/// RFC 8489 section 14.2.
fn xor_address(value: &[u8], transaction: &TransactionId) -> Result<SocketAddr, StunError> {
    let ([_, family, p0, p1], address) =
        value.split_first_chunk::<4>().ok_or(StunError::Malformed)?;
    let port = u16::from_be_bytes([*p0, *p1]) ^ 0x2112;
    let ip = match (*family, address.len()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::from_bits(
            u32::from_be_bytes(exact(address)?) ^ COOKIE,
        )),
        (2, 16) => IpAddr::V6(Ipv6Addr::from_bits(
            u128::from_be_bytes(exact(address)?) ^ mask(transaction),
        )),
        _ => return Err(StunError::Malformed),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Cookie and transaction: what an IPv6 address is xored with.
pub(crate) fn mask(transaction: &TransactionId) -> u128 {
    transaction.iter().fold(u128::from(COOKIE), |mask, byte| {
        mask << 8 | u128::from(*byte)
    })
}

fn error_code(value: &[u8]) -> Result<u16, StunError> {
    match value {
        [_, _, class @ 3..=6, number @ 0..=99, ..] => {
            Ok(u16::from(*class) * 100 + u16::from(*number))
        }
        _ => Err(StunError::Malformed),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
