// SPDX-License-Identifier: Apache-2.0
//! A browser's half of the protocols: checks, DTLS, SRTP.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, Output, SrtpProfile};
use ice::Path;
use ice::stun::{Class, Message, Writer};
use rtp::{Header, HeaderWriter};
use srtp::{Keys, Profile, Receiver, Sender, Side, StreamId};

pub const PASSWORD: &str = "0123456789012345678901";

fn config() -> &'static Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    CONFIG.get_or_init(|| {
        Arc::new(
            Config::builder()
                .flight_start_rto(Duration::from_millis(50))
                .build()
                .unwrap(),
        )
    })
}

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, PASSWORD.as_bytes())
}

/// A media packet that came, opened.
#[derive(Clone, Debug)]
pub struct Got {
    pub header: Header,
    pub payload: Vec<u8>,
}

pub struct Caller {
    pub path: Path,
    pub fingerprint: String,
    pub server_ufrag: String,
    dtls: Dtls,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    streams: BTreeMap<u32, StreamId>,
    outbox: Vec<Vec<u8>>,
    pub got: Vec<Got>,
    pub rtcp: Vec<Vec<u8>>,
    pub closed: bool,
    transaction: u8,
    /// When its handshake has to be repeated.
    pub due: Option<Instant>,
}

impl Caller {
    pub fn new(now: Instant, path: Path, server_ufrag: &str) -> Self {
        Self::with_config(now, path, server_ufrag, Arc::clone(config()))
    }

    /// A caller whose handshake repeats itself with the seed, but for its certificate.
    pub fn seeded(now: Instant, path: Path, server_ufrag: &str, seed: u64) -> Self {
        let builder = Config::builder().flight_start_rto(Duration::from_millis(50));
        let config = builder.dangerously_set_rng_seed(seed).build().unwrap();
        Self::with_config(now, path, server_ufrag, Arc::new(config))
    }

    fn with_config(now: Instant, path: Path, server_ufrag: &str, config: Arc<Config>) -> Self {
        let certificate = generate_self_signed_certificate().unwrap();
        let fingerprint = certificate.fingerprint_str();
        let mut dtls = Dtls::new_12(config, certificate, now);
        dtls.set_active(true);
        Self {
            path,
            fingerprint,
            server_ufrag: server_ufrag.to_owned(),
            dtls,
            sender: None,
            receiver: None,
            streams: BTreeMap::new(),
            outbox: Vec::new(),
            got: Vec::new(),
            rtcp: Vec::new(),
            closed: false,
            transaction: 0,
            due: None,
        }
    }

    /// A Binding request that nominates.
    pub fn check(&mut self) -> Vec<u8> {
        self.check_with(&key())
    }

    /// A well-formed Binding request of somebody who does not know the password.
    pub fn forged_check(&mut self) -> Vec<u8> {
        self.check_with(&hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            b"a guess",
        ))
    }

    fn check_with(&mut self, key: &hmac::Key) -> Vec<u8> {
        self.transaction = self.transaction.wrapping_add(1);
        let mut buf = [0; ice::MAX_REPLY];
        let writer = Writer::new(&mut buf, Class::Request, [self.transaction; 12])
            .username(&self.server_ufrag, "peer")
            .priority(1)
            .controlling(5)
            .use_candidate();
        let len = writer.finish(key).unwrap();
        buf[..len].to_vec()
    }

    /// Whether it has keys.
    pub fn is_keyed(&self) -> bool {
        self.sender.is_some()
    }

    /// Begins its handshake, or repeats what was not answered.
    pub fn start(&mut self, now: Instant) {
        self.dtls.handle_timeout(now).unwrap();
        self.poll();
    }

    pub fn take(&mut self, now: Instant, datagram: &[u8]) {
        match rtp::demux(datagram).unwrap() {
            rtp::Kind::Stun => self.answer_check(datagram),
            rtp::Kind::Dtls => {
                let _ = self.dtls.handle_timeout(now);
                let _ = self.dtls.handle_packet(datagram);
                self.poll();
            }
            rtp::Kind::Rtp => self.open_rtp(datagram),
            rtp::Kind::Rtcp => {
                let mut packet = datagram.to_vec();
                let len = self
                    .receiver
                    .as_mut()
                    .unwrap()
                    .open_rtcp(&mut packet)
                    .unwrap();
                packet.truncate(len);
                self.rtcp.push(packet);
            }
        }
    }

    fn answer_check(&mut self, datagram: &[u8]) {
        let message = Message::parse(datagram).unwrap();
        if message.class == Class::Request {
            message.verify(&key()).unwrap();
            let mut buf = [0; ice::MAX_REPLY];
            let writer =
                Writer::new(&mut buf, Class::Success, message.transaction).mapped(self.path.local);
            let len = writer.finish(&key()).unwrap();
            self.outbox.push(buf[..len].to_vec());
        }
    }

    fn open_rtp(&mut self, datagram: &[u8]) {
        let mut packet = datagram.to_vec();
        let header = Header::parse_unauthenticated(&packet).unwrap();
        let receiver = self.receiver.as_mut().unwrap();
        let opened = receiver
            .open_rtp(
                header.header_len(),
                header.ssrc,
                header.sequence,
                &mut packet,
            )
            .unwrap();
        if !opened.known {
            receiver.add_stream(header.ssrc, opened.index).unwrap();
        }
        packet.truncate(opened.len);
        let header = header.with_padding(&packet).unwrap();
        self.got.push(Got {
            header,
            payload: header.payload(&packet).to_vec(),
        });
    }

    fn poll(&mut self) {
        let mut buf = vec![0; 4_096];
        loop {
            match self.dtls.poll_output(&mut buf) {
                Output::Timeout(at) => {
                    self.due = Some(at);
                    return;
                }
                Output::Packet(packet) => self.outbox.push(packet.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    assert_eq!(profile, SrtpProfile::AEAD_AES_256_GCM);
                    let (write, read) =
                        Keys::from_exporter(Profile::AeadAes256Gcm, &material, Side::Client)
                            .unwrap();
                    self.sender = Some(Sender::new(&write).unwrap());
                    self.receiver = Some(Receiver::new(&read).unwrap());
                }
                Output::CloseNotify => self.closed = true,
                _ => {}
            }
        }
    }

    pub fn drain(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outbox)
    }

    /// A sealed RTP packet.
    pub fn rtp(
        &mut self,
        payload_type: u8,
        ssrc: u32,
        index: u64,
        extensions: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        let timestamp = (index as u32).wrapping_mul(960);
        self.rtp_at(timestamp, payload_type, ssrc, index, extensions, payload)
    }

    /// A sealed RTP packet of a moment.
    pub fn rtp_at(
        &mut self,
        timestamp: u32,
        payload_type: u8,
        ssrc: u32,
        index: u64,
        extensions: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        let sender = self.sender.as_mut().unwrap();
        let stream = *self
            .streams
            .entry(ssrc)
            .or_insert_with(|| sender.add_stream(ssrc).unwrap());
        let writer = HeaderWriter {
            payload_type,
            marker: true,
            sequence: index as u16,
            timestamp,
            ssrc,
            extensions,
        };
        let mut packet = vec![0; 200 + payload.len()];
        let len = writer.write(&mut packet).unwrap();
        let (header, body) = packet.split_at_mut(len);
        let sealed = sender
            .seal_rtp(stream, header, index, payload, body)
            .unwrap();
        packet.truncate(len + sealed);
        packet
    }

    /// A sealed RTCP compound.
    pub fn rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
        let mut packet = compound.to_vec();
        packet.resize(compound.len() + 20, 0);
        let len = self
            .sender
            .as_mut()
            .unwrap()
            .seal_rtcp(&mut packet, compound.len())
            .unwrap();
        packet.truncate(len);
        packet
    }
}
