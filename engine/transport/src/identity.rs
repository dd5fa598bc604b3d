// SPDX-License-Identifier: Apache-2.0
//! The server's certificate and DTLS settings: one per process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, DtlsCertificate};
use thiserror::Error;

/// Largest DTLS datagram, in bytes. Far above the 300 below which `dimpl` runs out of flight records.
pub(crate) const DTLS_MTU: usize = 1_150;
/// First retransmission. The path is known by then and a browser is rarely farther; lower resends needlessly to far
/// peers, higher makes one lost datagram cost a join that much.
const FIRST_RETRY: Duration = Duration::from_millis(150);
const RETRIES: usize = 8;
const HANDSHAKE: Duration = Duration::from_secs(20);

/// The certificate the server shows to all peers, and the settings of its handshakes.
///
/// **Make one per process and share it**: building the settings costs 0.7 ms of CPU.
pub struct DtlsIdentity {
    pub(crate) config: Arc<Config>,
    pub(crate) certificate: DtlsCertificate,
    fingerprint: String,
}

/// The identity could not be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Key or certificate generation failed.
    #[error(
        "dtls_certificate: no certificate could be made; the system's random source may be unavailable"
    )]
    Certificate,
    /// The DTLS library refused its settings.
    #[error("dtls_config: the DTLS library failed its self-test; rebuild the engine")]
    Config,
}

impl DtlsIdentity {
    /// A new P-256 certificate.
    ///
    /// # Errors
    /// If the certificate or the settings cannot be made.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::build(None)
    }

    /// Like [`DtlsIdentity::generate`], with handshake randoms and timer jitter drawn from `seed`: for simulations only.
    ///
    /// # Errors
    /// As [`DtlsIdentity::generate`].
    pub fn generate_for_simulation(seed: u64) -> Result<Self, IdentityError> {
        Self::build(Some(seed))
    }

    fn build(seed: Option<u64>) -> Result<Self, IdentityError> {
        let certificate =
            generate_self_signed_certificate().map_err(|_| IdentityError::Certificate)?;
        // No cookie: the address is proven by ICE before its DTLS is looked at.
        let mut builder = Config::builder()
            .mtu(DTLS_MTU)
            .use_server_cookie(false)
            .require_client_certificate(true)
            .flight_start_rto(FIRST_RETRY)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE);
        if let Some(seed) = seed {
            builder = builder.dangerously_set_rng_seed(seed);
        }
        let config = Arc::new(builder.build().map_err(|_| IdentityError::Config)?);
        let fingerprint = certificate.fingerprint_str();
        Ok(Self {
            config,
            certificate,
            fingerprint,
        })
    }

    /// SHA-256 of the certificate as `AB:CD:..`, for the answer.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsIdentity")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
