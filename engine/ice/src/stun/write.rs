// SPDX-License-Identifier: Apache-2.0
//! Writing a message, attribute by attribute.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

use super::{COOKIE, Class, HEADER, TransactionId, attribute, fingerprint, integrity, mask};

/// Writes one message into a buffer. What does not fit makes [`Writer::finish`] return `None`.
pub struct Writer<'a> {
    buf: &'a mut [u8],
    len: Option<usize>,
    transaction: TransactionId,
}

impl<'a> Writer<'a> {
    /// Starts a Binding message.
    pub fn new(buf: &'a mut [u8], class: Class, transaction: TransactionId) -> Self {
        let kind: u16 = match class {
            Class::Request => 0x0001,
            Class::Indication => 0x0011,
            Class::Success => 0x0101,
            Class::Error => 0x0111,
        };
        let mut writer = Self {
            buf,
            len: Some(0),
            transaction,
        };
        writer.put(&kind.to_be_bytes());
        writer.put(&[0, 0]);
        writer.put(&COOKIE.to_be_bytes());
        writer.put(&transaction);
        writer
    }

    /// USERNAME: the fragment of whoever receives the request, a colon, the sender's.
    #[must_use]
    pub fn username(mut self, receiver: &str, sender: &str) -> Self {
        self.head(attribute::USERNAME, receiver.len() + 1 + sender.len());
        self.put(receiver.as_bytes());
        self.put(b":");
        self.put(sender.as_bytes());
        self.pad();
        self
    }

    /// PRIORITY.
    #[must_use]
    pub fn priority(self, priority: u32) -> Self {
        self.attribute(attribute::PRIORITY, &priority.to_be_bytes())
    }

    /// USE-CANDIDATE: nominates the path.
    #[must_use]
    pub fn use_candidate(self) -> Self {
        self.attribute(attribute::USE_CANDIDATE, &[])
    }

    /// ICE-CONTROLLED with a tie breaker.
    #[must_use]
    pub fn controlled(self, tie_breaker: u64) -> Self {
        self.attribute(attribute::ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLING with a tie breaker.
    #[must_use]
    pub fn controlling(self, tie_breaker: u64) -> Self {
        self.attribute(attribute::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// XOR-MAPPED-ADDRESS.
    #[must_use]
    pub fn mapped(self, address: SocketAddr) -> Self {
        let [p0, p1] = (address.port() ^ 0x2112).to_be_bytes();
        match address.ip() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = (ip.to_bits() ^ COOKIE).to_be_bytes();
                self.attribute(attribute::XOR_MAPPED_ADDRESS, &[0, 1, p0, p1, a, b, c, d])
            }
            IpAddr::V6(ip) => {
                let xored = (ip.to_bits() ^ mask(&self.transaction)).to_be_bytes();
                let mut writer = self;
                writer.head(attribute::XOR_MAPPED_ADDRESS, 4 + xored.len());
                writer.put(&[0, 2, p0, p1]);
                writer.put(&xored);
                writer
            }
        }
    }

    /// ERROR-CODE without a reason phrase.
    #[must_use]
    pub fn error_code(self, code: u16) -> Self {
        let class = u8::try_from(code / 100).unwrap_or(5);
        let number = u8::try_from(code % 100).unwrap_or(0);
        self.attribute(attribute::ERROR_CODE, &[0, 0, class, number])
    }

    /// UNKNOWN-ATTRIBUTES with one entry.
    #[must_use]
    pub fn unknown_attribute(self, kind: u16) -> Self {
        self.attribute(attribute::UNKNOWN_ATTRIBUTES, &kind.to_be_bytes())
    }

    /// Any other attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.head(kind, value.len());
        self.put(value);
        self.pad();
        self
    }

    /// Ends the message with MESSAGE-INTEGRITY and FINGERPRINT; its length, or `None` if the buffer was too short.
    #[must_use]
    pub fn finish(mut self, key: &hmac::Key) -> Option<usize> {
        let hash = integrity(self.buf, self.len?, key)?;
        self = self.attribute(attribute::MESSAGE_INTEGRITY, &hash);
        let covered = self.len?;
        let counted = u16::try_from(covered + 8 - HEADER).ok()?;
        self.buf
            .get_mut(2..4)?
            .copy_from_slice(&counted.to_be_bytes());
        let sum = fingerprint(self.buf.get(..covered)?);
        self.attribute(attribute::FINGERPRINT, &sum.to_be_bytes())
            .len
    }

    fn head(&mut self, kind: u16, len: usize) {
        self.put(&kind.to_be_bytes());
        match u16::try_from(len) {
            Ok(len) => self.put(&len.to_be_bytes()),
            Err(_) => self.len = None,
        }
    }

    fn pad(&mut self) {
        let missing = self.len.map_or(0, |len| len.next_multiple_of(4) - len);
        if let Some(zeros) = [0; 3].get(..missing) {
            self.put(zeros);
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.len = self.len.and_then(|at| {
            let end = at + bytes.len();
            self.buf.get_mut(at..end)?.copy_from_slice(bytes);
            Some(end)
        });
    }
}
