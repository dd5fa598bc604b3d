// SPDX-License-Identifier: Apache-2.0
//! Cipher suites 4 and 5 (RFC 9605 section 4.5): one key, many frames.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, HKDF_SHA512, KeyType, Salt};
use zeroize::Zeroizing;

/// Length of the nonce and salt.
const NONCE: usize = 12;
/// Length of the tag.
pub(crate) const TAG: usize = 16;

/// A cipher suite that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 4: AES-128-GCM with SHA-256.
    Aes128GcmSha256,
    /// 5: AES-256-GCM with SHA-512.
    Aes256GcmSha512,
}

impl Suite {
    /// The suite of a number; `None` for any that is not spoken.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            4 => Some(Self::Aes128GcmSha256),
            5 => Some(Self::Aes256GcmSha512),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Aes128GcmSha256 => 4,
            Self::Aes256GcmSha512 => 5,
        }
    }

    /// Nh: length of the hash, and of every secret of the schedule.
    #[must_use]
    pub const fn secret_len(self) -> usize {
        match self {
            Self::Aes128GcmSha256 => 32,
            Self::Aes256GcmSha512 => 64,
        }
    }

    const fn key_len(self) -> usize {
        match self {
            Self::Aes128GcmSha256 => 16,
            Self::Aes256GcmSha512 => 32,
        }
    }

    pub(crate) const fn hkdf(self) -> aws_lc_rs::hkdf::Algorithm {
        match self {
            Self::Aes128GcmSha256 => HKDF_SHA256,
            Self::Aes256GcmSha512 => HKDF_SHA512,
        }
    }
}

/// An output length for HKDF.
#[derive(Clone, Copy)]
pub(crate) struct Length(pub(crate) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Key and salt of one sender. Has no `Debug`: nothing of it may be printed.
pub(crate) struct FrameKey {
    key: LessSafeKey,
    salt: [u8; NONCE],
}

impl FrameKey {
    /// Derives key and salt from a base key (section 4.4.2). `None` only if the library refuses the lengths.
    pub(crate) fn derive(suite: Suite, kid: u64, base_key: &[u8]) -> Option<Self> {
        let secret = Salt::new(suite.hkdf(), &[]).extract(base_key);
        let (kid, number) = (kid.to_be_bytes(), suite.number().to_be_bytes());
        let expand = |label: &[u8], out: &mut [u8]| {
            secret
                .expand(&[label, &kid, &number], Length(out.len()))
                .and_then(|okm| okm.fill(out))
                .ok()
        };
        let mut key = Zeroizing::new(vec![0; suite.key_len()]);
        let mut salt = [0; NONCE];
        expand(b"SFrame 1.0 Secret key ", &mut key)?;
        expand(b"SFrame 1.0 Secret salt ", &mut salt)?;
        let algorithm = match suite {
            Suite::Aes128GcmSha256 => &AES_128_GCM,
            Suite::Aes256GcmSha512 => &AES_256_GCM,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
        Some(Self { key, salt })
    }

    /// The salt xor the counter (section 4.4.3).
    fn nonce(&self, counter: u64) -> Nonce {
        let mut nonce = self.salt;
        for (byte, count) in nonce.iter_mut().skip(4).zip(counter.to_be_bytes()) {
            *byte ^= count;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts `body` in place and appends the tag.
    pub(crate) fn seal(
        &self,
        counter: u64,
        aad: &[u8],
        frame: &mut Vec<u8>,
        body_at: usize,
    ) -> Option<()> {
        let body = frame.get_mut(body_at..)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(counter), Aad::from(aad), body)
            .ok()?;
        frame.extend_from_slice(tag.as_ref());
        Some(())
    }

    /// Decrypts and checks; `None` if the tag does not fit.
    pub(crate) fn open(&self, counter: u64, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut body = sealed.to_vec();
        let len = self
            .key
            .open_in_place(self.nonce(counter), Aad::from(aad), &mut body)
            .ok()?
            .len();
        body.truncate(len);
        Some(body)
    }
}
