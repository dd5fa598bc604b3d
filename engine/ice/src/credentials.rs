// SPDX-License-Identifier: Apache-2.0
//! User name fragment and password of one side.

use std::fmt;

use aws_lc_rs::hmac;
use thiserror::Error;

/// One side's ICE credentials (RFC 8445 section 5.3).
///
/// The password and not the key made of it: every peer has two of them for as long as it is there, a key takes 1.2 kB,
/// and making it costs what two more blocks of SHA-1 cost.
#[derive(Clone)]
pub struct Credentials {
    ufrag: Box<str>,
    password: Box<str>,
}

/// Length or characters are outside what RFC 8839 section 5.4 allows.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "bad_ice_credentials: a fragment has 4 to 256 and a password 22 to 256 ice-chars; send a new offer"
)]
pub struct CredentialsError;

impl Credentials {
    /// Takes `ufrag` (4 to 256 characters) and `pwd` (22 to 256) of letters, digits, `+` and `/`.
    ///
    /// # Errors
    /// If a length or a character is not allowed.
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, CredentialsError> {
        let ice_chars = |text: &str| {
            text.bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
        };
        let lengths = (4..=256).contains(&ufrag.len()) && (22..=256).contains(&pwd.len());
        if !lengths || !ice_chars(ufrag) || !ice_chars(pwd) {
            return Err(CredentialsError);
        }
        Ok(Self {
            ufrag: ufrag.into(),
            password: pwd.into(),
        })
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password as a key for MESSAGE-INTEGRITY.
    pub(crate) fn key(&self) -> hmac::Key {
        hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            self.password.as_bytes(),
        )
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
