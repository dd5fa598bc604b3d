// SPDX-License-Identifier: Apache-2.0
//! TLS 1.2 and 1.3 with a certificate that can be changed while connections are open.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// A certificate with its chain, and its key: PEM.
#[derive(Clone)]
pub struct Pair {
    /// The server's own certificate first, then the intermediate ones.
    pub certificates: Vec<u8>,
    /// PKCS#8, PKCS#1 or SEC 1.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Pair(..)")
    }
}

/// A certificate that cannot be served.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// One of the two is not PEM, or there is none in it.
    #[error("the certificate or its key cannot be read")]
    Unreadable,
    /// They are not each other's, or of a kind that is not served.
    #[error("the certificate and its key cannot be served: {0}")]
    Unusable(rustls::Error),
}

/// The settings that new connections get.
#[derive(Debug)]
pub(crate) struct Current(RwLock<Arc<ServerConfig>>);

impl Current {
    pub(crate) fn new(pair: &Pair) -> Result<Self, CertificateError> {
        Ok(Self(RwLock::new(config_of(pair)?)))
    }

    pub(crate) fn get(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another certificate from now on. What was told to earlier connections (session tickets) is forgotten with the old one.
    pub(crate) fn set(&self, pair: &Pair) -> Result<(), CertificateError> {
        let config = config_of(pair)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

fn config_of(pair: &Pair) -> Result<Arc<ServerConfig>, CertificateError> {
    let certificates = CertificateDer::pem_slice_iter(&pair.certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CertificateError::Unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(&pair.key).map_err(|_| CertificateError::Unreadable)?;
    if certificates.is_empty() {
        return Err(CertificateError::Unreadable);
    }
    // The provider is named: another library in this process may have set another one for all.
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(CertificateError::Unusable)?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(CertificateError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(CertificateError::Unusable)?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}
