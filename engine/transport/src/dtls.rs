// SPDX-License-Identifier: Apache-2.0
//! A narrow type around `dimpl`, so that the library can be exchanged: the passive side of one handshake.

use std::sync::Arc;
use std::time::Instant;

use dimpl::certificate::calculate_fingerprint;
use dimpl::{Dtls, Output, ProtocolVersion, SrtpProfile};
use srtp::{Keys, Profile, Side};

use crate::face::CloseReason;
use crate::identity::DtlsIdentity;
use crate::session::DtlsVersion;

/// Takes every record the library makes at our MTU.
const OUTPUT: usize = 2_048;
/// Above this nothing the library hands out is legitimate: a datagram is shorter.
const MAX_OUTPUT: usize = 65_536;

/// One DTLS association. The library's state is made with the first datagram, so a peer that never comes costs
/// nothing.
pub(crate) struct Association {
    state: State,
    version: DtlsVersion,
    fingerprint: [u8; 32],
    deadline: Option<Instant>,
}

enum State {
    Idle(Arc<DtlsIdentity>),
    Running(Box<Running>),
    Closed,
}

struct Running {
    dtls: Dtls,
    /// The certificate is the one the offer named.
    verified: bool,
    connected: bool,
    keyed: bool,
}

/// A finished handshake.
pub(crate) struct Established {
    /// Keys the server writes with.
    pub(crate) write: Keys,
    /// Keys the peer writes with.
    pub(crate) read: Keys,
    pub(crate) version: DtlsVersion,
}

/// What one step led to: the keys, once.
pub(crate) type Step = Result<Option<Established>, CloseReason>;

impl Association {
    pub(crate) fn new(
        identity: Arc<DtlsIdentity>,
        version: DtlsVersion,
        fingerprint: [u8; 32],
    ) -> Self {
        Self {
            state: State::Idle(identity),
            version,
            fingerprint,
            deadline: None,
        }
    }

    /// Takes one datagram; what is to be sent back goes to `send`. An error ends the association.
    pub(crate) fn on_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
        send: &mut dyn FnMut(&[u8]),
    ) -> Step {
        self.start(now);
        // The library counts retransmission timers from the time it was last told.
        self.step(now, send, |dtls| dtls.handle_packet(datagram))
    }

    /// Runs the retransmission timers.
    pub(crate) fn on_deadline(&mut self, now: Instant, send: &mut dyn FnMut(&[u8])) -> Step {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(None);
        }
        self.step(now, send, |_| Ok(()))
    }

    /// Says `close_notify`, if there is somebody to say it to.
    pub(crate) fn close(&mut self, now: Instant, send: &mut dyn FnMut(&[u8])) {
        let _ = self.step(now, send, Dtls::close);
        self.end();
    }

    /// What the session allows.
    pub(crate) const fn version(&self) -> DtlsVersion {
        self.version
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn start(&mut self, now: Instant) {
        if let State::Idle(identity) = &self.state {
            let (certificate, config) =
                (identity.certificate.clone(), Arc::clone(&identity.config));
            let dtls = match self.version {
                DtlsVersion::V12 => Dtls::new_12(config, certificate, now),
                DtlsVersion::V13 => Dtls::new_13(config, certificate, now),
                DtlsVersion::Auto => Dtls::new_auto(config, certificate, now),
            };
            let running = Running {
                dtls,
                verified: false,
                connected: false,
                keyed: false,
            };
            self.state = State::Running(Box::new(running));
        }
    }

    fn end(&mut self) {
        self.state = State::Closed;
        self.deadline = None;
    }

    fn step(
        &mut self,
        now: Instant,
        send: &mut dyn FnMut(&[u8]),
        mutate: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>,
    ) -> Step {
        let State::Running(running) = &mut self.state else {
            return Ok(None);
        };
        let mutated = running
            .dtls
            .handle_timeout(now)
            .and_then(|()| mutate(&mut running.dtls));
        // Drained even after an error: an alert may be waiting.
        let drained = running.drain(&self.fingerprint, send);
        let outcome = mutated.map_err(|_| CloseReason::DtlsFailed).and(drained);
        match outcome {
            Ok((deadline, established)) => {
                self.deadline = Some(deadline);
                Ok(established)
            }
            Err(reason) => {
                self.end();
                Err(reason)
            }
        }
    }
}

impl Running {
    fn drain(
        &mut self,
        fingerprint: &[u8; 32],
        send: &mut dyn FnMut(&[u8]),
    ) -> Result<(Instant, Option<Established>), CloseReason> {
        let mut small = [0_u8; OUTPUT];
        let mut large = Vec::new();
        let (mut established, mut failed) = (None, None);
        let deadline = loop {
            let needed = match self.dtls.poll_output(if large.is_empty() {
                &mut small
            } else {
                &mut large
            }) {
                Output::Timeout(at) => break at,
                Output::Packet(packet) => {
                    send(packet);
                    continue;
                }
                Output::PeerCert(der) => {
                    self.verified = calculate_fingerprint(der) == fingerprint;
                    failed =
                        failed.or((!self.verified).then_some(CloseReason::FingerprintMismatch));
                    continue;
                }
                Output::Connected => {
                    self.connected = true;
                    continue;
                }
                Output::KeyingMaterial(material, profile) => {
                    self.keyed = true;
                    let version = negotiated(self.dtls.protocol_version());
                    match keys(&material, profile, version) {
                        // Keys of somebody whose certificate was not compared are never used.
                        Some(keys) if self.verified => established = Some(keys),
                        Some(_) => failed = failed.or(Some(CloseReason::FingerprintMismatch)),
                        None => failed = failed.or(Some(CloseReason::NoSrtpProfile)),
                    }
                    continue;
                }
                Output::CloseNotify => {
                    failed = failed.or(Some(CloseReason::ClosedByPeer));
                    continue;
                }
                Output::BufferTooSmall { needed } => needed,
                // Application data: nothing is carried over DTLS itself yet.
                _ => continue,
            };
            if needed > MAX_OUTPUT || needed <= large.len() {
                return Err(CloseReason::DtlsFailed);
            }
            large.resize(needed, 0);
        };
        if self.connected && !self.keyed {
            failed = failed.or(Some(CloseReason::NoSrtpProfile));
        }
        failed.map_or(Ok((deadline, established)), Err)
    }
}

fn keys(material: &[u8], profile: SrtpProfile, version: DtlsVersion) -> Option<Established> {
    let profile = match profile {
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1_80,
        _ => return None,
    };
    let (write, read) = Keys::from_exporter(profile, material, Side::Server).ok()?;
    Some(Established {
        write,
        read,
        version,
    })
}

fn negotiated(version: Option<ProtocolVersion>) -> DtlsVersion {
    if version == Some(ProtocolVersion::DTLS1_3) {
        DtlsVersion::V13
    } else {
        DtlsVersion::V12
    }
}
