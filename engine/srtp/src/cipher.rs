// SPDX-License-Identifier: Apache-2.0
//! One direction's cipher, for RTP or for RTCP.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use crate::keys::SessionKeys;
use crate::{Error, Profile};

/// Bytes of a truncated HMAC-SHA1 tag (RFC 3711 section 4.2.1).
const CM_TAG: usize = 10;

pub(crate) struct Cipher {
    suite: Suite,
}

enum Suite {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    Cm(Box<CounterMode>),
}

/// Boxed, so that a peer with an AEAD does not carry the space of the key schedule and the HMAC states.
struct CounterMode {
    key: EncryptingKey,
    mac: hmac::Key,
    salt: [u8; 14],
}

/// Names a packet under one key: SSRC and 48-bit index (31-bit for RTCP).
#[derive(Clone, Copy)]
pub(crate) struct PacketId {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
}

/// What is authenticated beside the sealed part.
#[derive(Clone, Copy)]
pub(crate) enum Associated<'a> {
    /// The RTP header. Counter mode also covers the roll-over counter.
    Rtp(&'a [u8]),
    /// The first eight bytes of the RTCP packet and the word with E flag and index.
    Rtcp(&'a [u8], [u8; 4]),
}

impl Cipher {
    pub(crate) fn new(keys: &SessionKeys) -> Result<Self, Error> {
        let key = keys
            .key
            .get(..keys.profile.key_len())
            .ok_or(Error::BadKey)?;
        let suite = match keys.profile {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => {
                let aead = if key.len() == 32 {
                    &AES_256_GCM
                } else {
                    &AES_128_GCM
                };
                let key = LessSafeKey::new(UnboundKey::new(aead, key).map_err(|_| Error::BadKey)?);
                let [salt @ .., _, _] = keys.salt;
                Suite::Gcm { key, salt }
            }
            Profile::Aes128CmSha1_80 => {
                let key = UnboundCipherKey::new(&AES_128, key).map_err(|_| Error::BadKey)?;
                let key = EncryptingKey::ctr(key).map_err(|_| Error::BadKey)?;
                let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.auth);
                Suite::Cm(Box::new(CounterMode {
                    key,
                    mac,
                    salt: keys.salt,
                }))
            }
        };
        Ok(Self { suite })
    }

    /// Writes the ciphertext of `plain` to `out`, which has the same length, and the tag to `tag`, which has
    /// [`Profile::tag_len`] bytes.
    pub(crate) fn seal(
        &self,
        id: PacketId,
        associated: Associated<'_>,
        plain: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), Error> {
        match &self.suite {
            Suite::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_nonce(salt, id));
                let sealed = match associated {
                    Associated::Rtp(header) => key.seal_out_of_place_scatter(
                        nonce,
                        Aad::from(header),
                        plain,
                        out,
                        &[],
                        tag,
                    ),
                    Associated::Rtcp(header, word) => {
                        let aad = Aad::from(rtcp_aad(header, word)?);
                        key.seal_out_of_place_scatter(nonce, aad, plain, out, &[], tag)
                    }
                };
                sealed.map_err(|_| Error::Malformed)
            }
            Suite::Cm(cm) => {
                out.copy_from_slice(plain);
                cm.crypt(id, out)?;
                tag.copy_from_slice(&cm.tag(id, associated, out));
                Ok(())
            }
        }
    }

    /// Like [`Cipher::seal`], over `buf` itself.
    pub(crate) fn seal_in_place(
        &self,
        id: PacketId,
        associated: Associated<'_>,
        buf: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), Error> {
        match &self.suite {
            Suite::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_nonce(salt, id));
                let sealed = match associated {
                    Associated::Rtp(header) => {
                        key.seal_in_place_separate_tag(nonce, Aad::from(header), buf)
                    }
                    Associated::Rtcp(header, word) => key.seal_in_place_separate_tag(
                        nonce,
                        Aad::from(rtcp_aad(header, word)?),
                        buf,
                    ),
                };
                tag.copy_from_slice(sealed.map_err(|_| Error::Malformed)?.as_ref());
                Ok(())
            }
            Suite::Cm(cm) => {
                cm.crypt(id, buf)?;
                tag.copy_from_slice(&cm.tag(id, associated, buf));
                Ok(())
            }
        }
    }

    /// Checks `tag` and decrypts `sealed` in place. After an error its content is undefined.
    pub(crate) fn open(
        &self,
        id: PacketId,
        associated: Associated<'_>,
        sealed: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Error> {
        match &self.suite {
            Suite::Gcm { key, salt } => {
                let nonce = Nonce::assume_unique_for_key(gcm_nonce(salt, id));
                let opened = match associated {
                    Associated::Rtp(header) => {
                        key.open_in_place_separate_tag(nonce, Aad::from(header), tag, sealed)
                    }
                    Associated::Rtcp(header, word) => {
                        let aad = Aad::from(rtcp_aad(header, word)?);
                        key.open_in_place_separate_tag(nonce, aad, tag, sealed)
                    }
                };
                opened.map(|_| ()).map_err(|_| Error::AuthFailed)
            }
            Suite::Cm(cm) => {
                let expected = cm.tag(id, associated, sealed);
                verify_slices_are_equal(&expected, tag).map_err(|_| Error::AuthFailed)?;
                cm.crypt(id, sealed)
            }
        }
    }
}

/// RFC 7714 sections 8.1 and 9.1.
fn gcm_nonce(salt: &[u8; 12], id: PacketId) -> [u8; 12] {
    let [.., s0, s1, s2, s3] = id.ssrc.to_be_bytes();
    let [_, _, i0, i1, i2, i3, i4, i5] = id.index.to_be_bytes();
    let mut nonce = [0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5];
    nonce
        .iter_mut()
        .zip(salt)
        .for_each(|(byte, salt)| *byte ^= salt);
    nonce
}

/// RFC 7714 section 9.2: the first eight bytes of the packet, then the word that follows the ciphertext.
fn rtcp_aad(header: &[u8], word: [u8; 4]) -> Result<[u8; 12], Error> {
    let header: [u8; 8] = header.try_into().map_err(|_| Error::Malformed)?;
    let mut aad = [0; 12];
    aad.iter_mut()
        .zip(header.iter().chain(&word))
        .for_each(|(to, from)| *to = *from);
    Ok(aad)
}

impl CounterMode {
    /// RFC 3711 section 4.1.1; encrypts and decrypts.
    fn crypt(&self, id: PacketId, buf: &mut [u8]) -> Result<(), Error> {
        let [s0, s1, s2, s3] = id.ssrc.to_be_bytes();
        let [_, _, i0, i1, i2, i3, i4, i5] = id.index.to_be_bytes();
        let mut iv = [0, 0, 0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5, 0, 0];
        iv.iter_mut()
            .zip(&self.salt)
            .for_each(|(byte, salt)| *byte ^= salt);
        self.key
            .less_safe_encrypt(buf, EncryptionContext::Iv128(FixedLength::from(iv)))
            .map(|_| ())
            .map_err(|_| Error::Malformed)
    }

    /// RFC 3711 section 4.2: over header, ciphertext and the word that is the roll-over counter or the SRTCP index.
    fn tag(&self, id: PacketId, associated: Associated<'_>, sealed: &[u8]) -> [u8; CM_TAG] {
        let mut context = hmac::Context::with_key(&self.mac);
        let word = match associated {
            Associated::Rtp(header) => {
                context.update(header);
                let [_, _, roc @ .., _, _] = id.index.to_be_bytes();
                roc
            }
            Associated::Rtcp(header, word) => {
                context.update(header);
                word
            }
        };
        context.update(sealed);
        context.update(&word);
        let mut tag = [0; CM_TAG];
        tag.iter_mut()
            .zip(context.sign().as_ref())
            .for_each(|(to, from)| *to = *from);
        tag
    }
}
