// SPDX-License-Identifier: Apache-2.0
//! Unpredictable numbers from the caller's seed, so that a simulation repeats and a stranger cannot guess.

use aws_lc_rs::hmac;

use crate::stun::TransactionId;

pub(super) struct Secrets {
    seed: [u8; 32],
    tie_breaker: u64,
    drawn: u64,
}

impl Secrets {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let mut secrets = Self {
            seed: *seed,
            tie_breaker: 0,
            drawn: 0,
        };
        secrets.tie_breaker = u64::from_be_bytes(secrets.draw());
        secrets
    }

    pub(super) fn transaction(&mut self) -> TransactionId {
        self.draw()
    }

    pub(super) fn jitter(&mut self) -> u8 {
        let [jitter] = self.draw();
        jitter
    }

    pub(super) const fn tie_breaker(&self) -> u64 {
        self.tie_breaker
    }

    fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.seed);
        let tag = hmac::sign(&key, &self.drawn.to_be_bytes());
        let mut out = [0; N];
        out.iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        out
    }
}
