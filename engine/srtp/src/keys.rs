// SPDX-License-Identifier: Apache-2.0
//! Master keys from DTLS, session keys from master keys.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Profile};

/// Which end of the DTLS handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that sent the ClientHello.
    Client,
    /// The end that answered it; the server always is.
    Server,
}

/// Master key and salt of one direction. Erased on drop; `Debug` shows the profile only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    #[zeroize(skip)]
    profile: Profile,
    key: [u8; 32],
    /// Salts of 12 bytes are followed by zeros (RFC 7714 section 11).
    salt: [u8; 14],
}

impl Keys {
    /// Keys of one direction.
    ///
    /// # Errors
    /// [`Error::BadKey`] if a length does not fit the profile.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, Error> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(Error::BadKey);
        }
        let mut keys = Self {
            profile,
            key: [0; 32],
            salt: [0; 14],
        };
        keys.key
            .iter_mut()
            .zip(key)
            .for_each(|(to, from)| *to = *from);
        keys.salt
            .iter_mut()
            .zip(salt)
            .for_each(|(to, from)| *to = *from);
        Ok(keys)
    }

    /// Splits what DTLS exported (client key, server key, client salt, server salt; RFC 5764 section 4.2) into the
    /// keys this side writes with and the keys it reads with.
    ///
    /// # Errors
    /// [`Error::BadKey`] if `material` is not [`Profile::exporter_len`] bytes.
    pub fn from_exporter(
        profile: Profile,
        material: &[u8],
        side: Side,
    ) -> Result<(Self, Self), Error> {
        if material.len() != profile.exporter_len() {
            return Err(Error::BadKey);
        }
        let (keys, salts) = material.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        let client = Self::new(profile, client_key, client_salt)?;
        let server = Self::new(profile, server_key, server_salt)?;
        Ok(match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        })
    }

    /// The profile these keys are for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Session keys for RTP.
    pub(crate) fn rtp(&self) -> Result<SessionKeys, Error> {
        self.derive([0, 1, 2])
    }

    /// Session keys for RTCP.
    pub(crate) fn rtcp(&self) -> Result<SessionKeys, Error> {
        self.derive([3, 4, 5])
    }

    /// RFC 3711 section 4.3.1 with a key derivation rate of zero.
    fn derive(&self, [key, auth, salt]: [u8; 3]) -> Result<SessionKeys, Error> {
        let mut session = SessionKeys {
            profile: self.profile,
            key: [0; 32],
            auth: [0; 20],
            salt: [0; 14],
        };
        let key_len = self.profile.key_len();
        self.expand(key, session.key.get_mut(..key_len).ok_or(Error::BadKey)?)?;
        self.expand(auth, &mut session.auth)?;
        let salt_len = self.profile.salt_len();
        self.expand(salt, session.salt.get_mut(..salt_len).ok_or(Error::BadKey)?)?;
        Ok(session)
    }

    /// The key stream of AES in counter mode under the master key, from the salt with the label in it.
    fn expand(&self, label: u8, out: &mut [u8]) -> Result<(), Error> {
        let algorithm = if self.profile.key_len() == 32 {
            &AES_256
        } else {
            &AES_128
        };
        let master = self
            .key
            .get(..self.profile.key_len())
            .ok_or(Error::BadKey)?;
        let master = UnboundCipherKey::new(algorithm, master).map_err(|_| Error::BadKey)?;
        let mut iv = [0_u8; 16];
        iv.iter_mut()
            .zip(&self.salt)
            .for_each(|(to, from)| *to = *from);
        iv[7] ^= label;
        out.fill(0);
        EncryptingKey::ctr(master)
            .and_then(|key| {
                key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv)))
            })
            .map_err(|_| Error::BadKey)?;
        Ok(())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// What a cipher is built from. Erased on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SessionKeys {
    #[zeroize(skip)]
    pub(crate) profile: Profile,
    /// The first [`Profile::key_len`] bytes count.
    pub(crate) key: [u8; 32],
    /// HMAC key, unused with an AEAD.
    pub(crate) auth: [u8; 20],
    pub(crate) salt: [u8; 14],
}
