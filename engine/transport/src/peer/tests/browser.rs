// SPDX-License-Identifier: Apache-2.0
//! A browser's half: full ICE, DTLS client, SRTP.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, Output, SrtpProfile};
use ice::stun::{Class, Message, Writer};
use srtp::{Keys, Profile, Receiver, Sender, Side, StreamId};

use crate::session::DtlsVersion;

pub(in crate::peer) const PWD_SERVER: &str = "serverpasswordserverpw";
pub(in crate::peer) const PWD_BROWSER: &str = "browserpasswordbrowser";

fn config() -> &'static Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let builder = Config::builder().flight_start_rto(Duration::from_millis(50));
        Arc::new(builder.build().unwrap())
    })
}

fn key(password: &str) -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        password.as_bytes(),
    )
}

/// What came out of the peer, opened.
#[derive(Clone, Debug)]
pub(in crate::peer) enum Got {
    Rtp {
        header: rtp::Header,
        packet: Vec<u8>,
    },
    Rtcp(Vec<u8>),
}

pub(in crate::peer) struct Browser {
    dtls: Dtls,
    pub(in crate::peer) fingerprint: String,
    pub(in crate::peer) ufrags: (&'static str, &'static str),
    pub(in crate::peer) answers_checks: bool,
    pub(in crate::peer) sender: Option<Sender>,
    receiver: Option<Receiver>,
    pub(in crate::peer) profile: Option<Profile>,
    /// More senders of the same key, for more SSRCs than one takes.
    material: Vec<u8>,
    more: Vec<Sender>,
    streams: HashMap<u32, (usize, StreamId)>,
    outbox: Vec<Vec<u8>>,
    pub(in crate::peer) got: Vec<Got>,
    pub(in crate::peer) replies: usize,
    pub(in crate::peer) closed: bool,
    transaction: u8,
}

impl Browser {
    pub(in crate::peer) fn new(now: Instant, dtls: DtlsVersion) -> Self {
        let certificate = generate_self_signed_certificate().unwrap();
        let fingerprint = certificate.fingerprint_str();
        let mut dtls = match dtls {
            DtlsVersion::V12 => Dtls::new_12(Arc::clone(config()), certificate, now),
            DtlsVersion::V13 => Dtls::new_13(Arc::clone(config()), certificate, now),
            DtlsVersion::Auto => Dtls::new_auto(Arc::clone(config()), certificate, now),
        };
        dtls.set_active(true);
        Self {
            dtls,
            fingerprint,
            ufrags: ("srv0", "brw0"),
            answers_checks: true,
            sender: None,
            receiver: None,
            profile: None,
            material: Vec::new(),
            more: Vec::new(),
            streams: HashMap::new(),
            outbox: Vec::new(),
            got: Vec::new(),
            replies: 0,
            closed: false,
            transaction: 0,
        }
    }

    /// A Binding request as a controlling browser sends it.
    pub(in crate::peer) fn check(&mut self, nominate: bool) -> Vec<u8> {
        self.transaction = self.transaction.wrapping_add(1);
        let mut buf = [0; ice::MAX_REPLY];
        let mut writer = Writer::new(&mut buf, Class::Request, [self.transaction; 12])
            .username(self.ufrags.0, self.ufrags.1)
            .priority(1)
            .controlling(5);
        if nominate {
            writer = writer.use_candidate();
        }
        let len = writer.finish(&key(PWD_SERVER)).unwrap();
        buf[..len].to_vec()
    }

    /// Begins the handshake.
    pub(in crate::peer) fn start(&mut self, now: Instant) {
        self.dtls.handle_timeout(now).unwrap();
        self.poll();
    }

    pub(in crate::peer) fn run_timers(&mut self, now: Instant) {
        let _ = self.dtls.handle_timeout(now);
        self.poll();
    }

    pub(in crate::peer) fn close(&mut self, now: Instant) {
        self.dtls.handle_timeout(now).unwrap();
        self.dtls.close().unwrap();
        self.poll();
    }

    pub(in crate::peer) fn take(&mut self, now: Instant, datagram: &[u8]) {
        match rtp::demux(datagram).unwrap() {
            rtp::Kind::Stun => self.on_stun(datagram),
            rtp::Kind::Dtls => {
                let _ = self.dtls.handle_timeout(now);
                let _ = self.dtls.handle_packet(datagram);
                self.poll();
            }
            rtp::Kind::Rtp => self.on_rtp(datagram),
            rtp::Kind::Rtcp => {
                let mut packet = datagram.to_vec();
                let len = self
                    .receiver
                    .as_mut()
                    .unwrap()
                    .open_rtcp(&mut packet)
                    .unwrap();
                packet.truncate(len);
                self.got.push(Got::Rtcp(packet));
            }
        }
    }

    fn on_stun(&mut self, datagram: &[u8]) {
        let message = Message::parse(datagram).unwrap();
        if message.class == Class::Success {
            message.verify(&key(PWD_SERVER)).unwrap();
            self.replies += 1;
        } else if self.answers_checks {
            message.verify(&key(PWD_BROWSER)).unwrap();
            assert_eq!(
                message.username,
                Some(format!("{}:{}", self.ufrags.1, self.ufrags.0).as_bytes())
            );
            let mut buf = [0; ice::MAX_REPLY];
            let writer = Writer::new(&mut buf, Class::Success, message.transaction);
            let len = writer
                .mapped("192.0.2.1:5000".parse().unwrap())
                .finish(&key(PWD_BROWSER))
                .unwrap();
            self.outbox.push(buf[..len].to_vec());
        }
    }

    fn on_rtp(&mut self, datagram: &[u8]) {
        let mut packet = datagram.to_vec();
        let header = rtp::Header::parse_unauthenticated(&packet).unwrap();
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
        self.got.push(Got::Rtp { header, packet });
    }

    fn poll(&mut self) {
        let mut buf = vec![0; 4_096];
        loop {
            match self.dtls.poll_output(&mut buf) {
                Output::Timeout(_) => return,
                Output::Packet(packet) => self.outbox.push(packet.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
                        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
                        _ => Profile::Aes128CmSha1_80,
                    };
                    let (write, read) =
                        Keys::from_exporter(profile, &material, Side::Client).unwrap();
                    self.sender = Some(Sender::new(&write).unwrap());
                    self.receiver = Some(Receiver::new(&read).unwrap());
                    self.profile = Some(profile);
                    self.material = material.to_vec();
                }
                Output::CloseNotify => self.closed = true,
                _ => {}
            }
        }
    }

    pub(in crate::peer) fn drain(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outbox)
    }

    /// A sealed RTP packet.
    pub(in crate::peer) fn rtp(
        &mut self,
        payload_type: u8,
        ssrc: u32,
        index: u64,
        extensions: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        let (at, stream) = self.stream(ssrc);
        let sender = &mut self.more[at];
        let sequence = u16::try_from(index & 0xffff).unwrap();
        let timestamp = u32::try_from(index).unwrap().wrapping_mul(960);
        let writer = rtp::HeaderWriter {
            payload_type,
            marker: true,
            sequence,
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

    fn stream(&mut self, ssrc: u32) -> (usize, StreamId) {
        let at = self.streams.len() / 100;
        if at >= self.more.len() {
            let (write, _) =
                Keys::from_exporter(self.profile.unwrap(), &self.material, Side::Client).unwrap();
            self.more.push(Sender::new(&write).unwrap());
        }
        let sender = &mut self.more[at];
        *self
            .streams
            .entry(ssrc)
            .or_insert_with(|| (at, sender.add_stream(ssrc).unwrap()))
    }

    /// A sealed RTCP compound.
    pub(in crate::peer) fn rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
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

    /// RTCP packets that came, one closure call each; returns what it returned.
    pub(in crate::peer) fn rtcp_got<T>(
        &self,
        mut pick: impl FnMut(rtp::rtcp::Packet<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut picked = Vec::new();
        for got in &self.got {
            if let Got::Rtcp(compound) = got {
                picked.extend(
                    rtp::rtcp::packets(compound).filter_map(|packet| pick(packet.unwrap())),
                );
            }
        }
        picked
    }

    pub(in crate::peer) fn rtp_got(&self) -> Vec<(rtp::Header, Vec<u8>)> {
        let packets = self.got.iter().filter_map(|got| match got {
            Got::Rtp { header, packet } => Some((*header, packet.clone())),
            Got::Rtcp(_) => None,
        });
        packets.collect()
    }
}
