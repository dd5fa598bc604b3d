// SPDX-License-Identifier: Apache-2.0
//! The protection profiles that DTLS-SRTP may agree on.

use std::fmt;

/// A protection profile (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AES-256 in Galois/Counter mode, 16-byte tag.
    AeadAes256Gcm,
    /// AES-128 in Galois/Counter mode, 16-byte tag.
    AeadAes128Gcm,
    /// AES-128 in counter mode with an 80-bit HMAC-SHA1 tag: about five times the cost of the other two.
    Aes128CmSha1_80,
}

/// Bytes of the word that ends an SRTCP packet: the E flag and the 31-bit index (RFC 3711 section 3.4).
const RTCP_INDEX: usize = 4;

impl Profile {
    /// Length of a master key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
        }
    }

    /// Length of a master salt, in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Length of an authentication tag, in bytes: what a sealed RTP packet is longer than its plaintext.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// What a sealed RTCP packet is longer than its plaintext, in bytes.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.tag_len() + RTCP_INDEX
    }

    /// Length of what DTLS has to export for both directions, in bytes (RFC 5764 section 4.2).
    #[must_use]
    pub const fn exporter_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// The registered name, for logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes128CmSha1_80 => "AES128_CM_HMAC_SHA1_80",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
