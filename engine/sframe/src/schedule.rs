// SPDX-License-Identifier: Apache-2.0
//! Secrets, base keys and key ids (`protocol/sealing.md` sections 2 to 4).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{Prk, Salt};
use zeroize::Zeroizing;

use crate::Track;
use crate::cipher::{Length, Suite};

/// Highest step within an epoch.
pub const LAST_STEP: u8 = 15;

/// A room number and the same text as a string are two rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RoomKind {
    /// A number.
    Number = 0,
    /// A string.
    String = 1,
}

/// Which life of which room secrets are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomContext {
    /// Cipher suite.
    pub suite: Suite,
    /// `sdkAppId`.
    pub app: u32,
    /// Number or string.
    pub kind: RoomKind,
    /// The number in decimal, or the string.
    pub room: String,
    /// Drawn when the authority began to serve the room.
    pub instance: [u8; 16],
}

impl RoomContext {
    /// The context of one epoch (section 2).
    #[must_use]
    pub fn encode(&self, epoch: u64) -> Vec<u8> {
        let mut out = b"sealroom 1".to_vec();
        out.extend_from_slice(&self.suite.number().to_be_bytes());
        out.extend_from_slice(&self.app.to_be_bytes());
        out.push(self.kind as u8);
        out.extend_from_slice(
            &u16::try_from(self.room.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        out.extend_from_slice(self.room.as_bytes());
        out.extend_from_slice(&self.instance);
        out.extend_from_slice(&epoch.to_be_bytes());
        out
    }

    /// `s_0` of an epoch: the authority's part, here for the vectors.
    #[must_use]
    pub fn first_secret(&self, epoch: u64, epoch_secret: &[u8]) -> Option<Secret> {
        let salt = digest(&SHA256, &self.encode(epoch));
        let extracted = Salt::new(self.suite.hkdf(), salt.as_ref()).extract(epoch_secret);
        // The library does not show an extracted key, so it is kept as one: `s_0` is only ever expanded.
        Some(Secret {
            suite: self.suite,
            epoch,
            step: 0,
            key: extracted,
            bytes: None,
        })
    }

    /// `info` of a secret sealed to one member (section 8).
    #[must_use]
    pub fn hpke_info(&self, epoch: u64, step: u8, to: u32) -> Vec<u8> {
        let mut out = b"sealroom secret 1".to_vec();
        out.extend_from_slice(&self.encode(epoch));
        out.push(step);
        out.extend_from_slice(&to.to_be_bytes());
        out
    }
}

/// `s_k` of an epoch. Has no `Debug`; its bytes are wiped when it is dropped.
pub struct Secret {
    suite: Suite,
    epoch: u64,
    step: u8,
    key: Prk,
    bytes: Option<Zeroizing<Vec<u8>>>,
}

impl Secret {
    /// A secret as the authority sent it; `None` if its length or step is not of the suite.
    #[must_use]
    pub fn new(suite: Suite, epoch: u64, step: u8, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != suite.secret_len() || step > LAST_STEP {
            return None;
        }
        let key = Prk::new_less_safe(suite.hkdf(), bytes);
        Some(Self {
            suite,
            epoch,
            step,
            key,
            bytes: Some(Zeroizing::new(bytes.to_vec())),
        })
    }

    /// Epoch and step.
    #[must_use]
    pub const fn version(&self) -> (u64, u8) {
        (self.epoch, self.step)
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The bytes, where they are known: not of an `s_0` that was extracted here.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref().map(Vec::as_slice)
    }

    /// `s_(k+1)`; `None` behind the last step.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let step = self.step.checked_add(1).filter(|step| *step <= LAST_STEP)?;
        let bytes = self.expand(&[b"sealroom step"])?;
        Self::new(self.suite, self.epoch, step, &bytes)
    }

    /// The base key of one sender and track (section 3).
    pub(crate) fn base_key(&self, index: u32, track: Track) -> Option<Zeroizing<Vec<u8>>> {
        let (epoch, index) = (self.epoch.to_be_bytes(), index.to_be_bytes());
        self.expand(&[
            b"sealroom sender",
            &epoch,
            &[self.step],
            &index,
            &[track as u8],
        ])
    }

    fn expand(&self, info: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; self.suite.secret_len()]);
        self.key
            .expand(info, Length(out.len()))
            .and_then(|okm| okm.fill(&mut out))
            .ok()?;
        Some(out)
    }
}

/// A key id, taken apart (section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    /// Epoch modulo 64.
    pub epoch: u8,
    /// Step.
    pub step: u8,
    /// Sender's place in the roster.
    pub index: u16,
    /// Track.
    pub track: Track,
}

impl KeyId {
    /// The key id of a sender's track in an epoch and step.
    #[must_use]
    pub fn new(epoch: u64, step: u8, index: u16, track: Track) -> Self {
        Self {
            epoch: u8::try_from(epoch % 64).unwrap_or(0),
            step,
            index,
            track,
        }
    }

    /// Packs it into 30 bits.
    #[must_use]
    pub fn pack(self) -> u64 {
        u64::from(self.epoch) << 24
            | u64::from(self.step) << 20
            | u64::from(self.index) << 4
            | self.track as u64
    }

    /// Takes it apart; `None` if it is none of ours.
    #[must_use]
    pub fn unpack(kid: u64) -> Option<Self> {
        let kid = u32::try_from(kid).ok().filter(|kid| *kid < 1 << 30)?;
        let [high, middle, low, last] = kid.to_be_bytes();
        Some(Self {
            epoch: high,
            step: middle >> 4,
            index: u16::from(middle & 0x0f) << 12 | u16::from(low) << 4 | u16::from(last >> 4),
            track: Track::from_number(last & 0x0f)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
