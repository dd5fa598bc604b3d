// SPDX-License-Identifier: Apache-2.0
//! Sealing one track of one sender.

use thiserror::Error;

use crate::cipher::{FrameKey, TAG};
use crate::frame::{Codec, Track, additional_data, carried, clear_prefix, normalised};
use crate::header::{Header, LAST_COUNTER, MAX_HEADER};
use crate::schedule::{KeyId, Secret};

/// Counters tried for one frame, where its codec does not let all bytes stand (`protocol/sealing.md` section 5).
const TRIES: usize = 10;

/// Why a frame was not sealed. It must not be sent then.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// The frame is not one of its codec.
    #[error("seal_malformed: the frame is not one of its codec; drop it")]
    Malformed,
    /// The counter is used up.
    #[error("seal_exhausted: the key has sealed all frames it may; wait for the next epoch")]
    Exhausted,
    /// No counter that was tried gave bytes that may stand in a frame of the codec.
    #[error("seal_unlucky: the sealed bytes may not stand in a frame of this codec; drop it")]
    Unlucky,
    /// The library failed.
    #[error("seal_failed: the cipher failed; drop the frame")]
    Failed,
}

/// Seals the frames of one sender and track under one secret. **There is one for each (secret, track): it cannot be
/// cloned, and its counter only rises**, so no nonce is used twice.
pub struct Sealer {
    key: FrameKey,
    kid: KeyId,
    next: u64,
}

impl Sealer {
    /// The sealer of a track, for the sender at `index`. `None` only if the library refuses.
    #[must_use]
    pub fn new(secret: &Secret, index: u16, track: Track) -> Option<Self> {
        let (epoch, step) = secret.version();
        let kid = KeyId::new(epoch, step, index, track);
        let base_key = secret.base_key(u32::from(index), track)?;
        let key = FrameKey::derive(secret.suite(), kid.pack(), &base_key)?;
        Some(Self { key, kid, next: 0 })
    }

    /// Key id that its frames carry.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.kid
    }

    /// Seals one frame of an encoder.
    ///
    /// # Errors
    /// [`SealError`]: the frame must be dropped.
    pub fn seal(&mut self, codec: Codec, frame: &[u8]) -> Result<Vec<u8>, SealError> {
        let frame = normalised(codec, frame).ok_or(SealError::Malformed)?;
        let prefix_len = clear_prefix(codec, &frame)
            .filter(|&len| u16::try_from(len).is_ok())
            .ok_or(SealError::Malformed)?;
        let (prefix, body) = frame
            .split_at_checked(prefix_len)
            .ok_or(SealError::Malformed)?;
        for _try in 0..TRIES {
            let sealed = self.seal_once(codec, prefix, body)?;
            if let Some(sealed) = carried(codec, prefix, sealed) {
                return Ok([prefix, &sealed].concat());
            }
        }
        Err(SealError::Unlucky)
    }

    /// Header, ciphertext and tag under the next counter.
    fn seal_once(
        &mut self,
        codec: Codec,
        prefix: &[u8],
        body: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let counter = self.next;
        if counter > LAST_COUNTER {
            return Err(SealError::Exhausted);
        }
        // Taken before it is used: a failure below costs a number, never a second use.
        self.next += 1;
        let mut bytes = [0; MAX_HEADER];
        let len = Header {
            kid: self.kid.pack(),
            counter,
        }
        .write(&mut bytes);
        let header = bytes.get(..len).ok_or(SealError::Failed)?;
        let aad = additional_data(header, self.kid.track, codec, prefix);
        let mut sealed = Vec::with_capacity(len + body.len() + TAG);
        sealed.extend_from_slice(header);
        let body_at = sealed.len();
        sealed.extend_from_slice(body);
        self.key
            .seal(counter, &aad, &mut sealed, body_at)
            .ok_or(SealError::Failed)?;
        Ok(sealed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
