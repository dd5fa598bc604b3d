// SPDX-License-Identifier: Apache-2.0
//! One caller: checks, DTLS, SRTP.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use ice::stun::{Class, Message, Writer};
use rtp::{Header, HeaderWriter, Kind};
use srtp::{Keys, Profile, Receiver, Sender, Side, StreamId};

use super::PATIENCE;
use super::media::PASSWORD;

/// When a check or a handshake message is sent again.
const RETRY: Duration = Duration::from_millis(100);

/// Certificate and settings for any number of callers: making the settings takes longer than a handshake.
pub struct Identity {
    config: Arc<Config>,
    certificate: DtlsCertificate,
}

impl Identity {
    pub fn new() -> Self {
        let config = Config::builder().flight_start_rto(RETRY).build().unwrap();
        Self {
            config: Arc::new(config),
            certificate: generate_self_signed_certificate().unwrap(),
        }
    }

    pub fn fingerprint(&self) -> String {
        self.certificate.fingerprint_str()
    }
}

/// A media packet, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub ssrc: u32,
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// Fields of a packet to send.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    pub payload_type: u8,
    pub ssrc: u32,
    pub index: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

pub struct Caller {
    socket: UdpSocket,
    server: SocketAddr,
    ufrag: String,
    key: hmac::Key,
    dtls: Option<Box<Dtls>>,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    streams: BTreeMap<u32, StreamId>,
    checked: bool,
    answered: bool,
    transaction: u64,
    media: Vec<Got>,
    pub closed: bool,
}

impl Caller {
    /// Speaks to `server` from a loopback address of its family, as the owner of `ufrag`.
    pub fn new(identity: &Identity, server: SocketAddr, ufrag: &str) -> Self {
        let ip = if server.is_ipv4() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        };
        let mut dtls = Dtls::new_12(
            Arc::clone(&identity.config),
            identity.certificate.clone(),
            Instant::now(),
        );
        dtls.set_active(true);
        Self {
            socket: UdpSocket::bind((ip, 0)).unwrap(),
            server,
            ufrag: ufrag.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, PASSWORD.as_bytes()),
            dtls: Some(Box::new(dtls)),
            sender: None,
            receiver: None,
            streams: BTreeMap::new(),
            checked: false,
            answered: false,
            transaction: 0,
            media: Vec::new(),
            closed: false,
        }
    }

    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Checks the path and shakes hands; returns when media may flow both ways.
    pub fn connect(&mut self) {
        let limit = Instant::now() + PATIENCE;
        while self.sender.is_none() || !self.answered {
            assert!(
                Instant::now() < limit,
                "not connected: checked {}, answered {}",
                self.checked,
                self.answered
            );
            if !self.checked {
                self.check();
            } else {
                self.run_dtls(None);
            }
            self.take_next(RETRY);
        }
    }

    /// The next media packet, or none within `patience`.
    pub fn receive(&mut self, patience: Duration) -> Option<Got> {
        let limit = Instant::now() + patience;
        while self.media.is_empty() {
            let left = limit
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())?;
            self.take_next(left);
        }
        Some(self.media.remove(0))
    }

    /// The next `count` media packets.
    pub fn receive_all(&mut self, count: usize) -> Vec<Got> {
        (0..count)
            .map(|place| {
                self.receive(PATIENCE)
                    .unwrap_or_else(|| panic!("only {place} of {count} came"))
            })
            .collect()
    }

    /// Waits for the other side's good-bye.
    pub fn wait_for_close(&mut self) {
        let limit = Instant::now() + PATIENCE;
        while !self.closed {
            assert!(Instant::now() < limit, "no close_notify");
            self.take_next(RETRY);
        }
    }

    /// Says good-bye.
    pub fn leave(mut self) {
        self.dtls.as_mut().unwrap().close().unwrap();
        self.run_dtls(None);
    }

    /// Reads everything that waits, opens no media; returns how many media packets there were.
    pub fn drain(&mut self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let (mut count, mut buf) = (0, [0; 4_096]);
        while let Ok(len) = self.socket.recv(&mut buf) {
            match rtp::demux(&buf) {
                Some(Kind::Stun | Kind::Dtls) => self.handle(&mut buf[..len]),
                Some(Kind::Rtp) => count += 1,
                _ => {}
            }
        }
        self.socket.set_nonblocking(false).unwrap();
        count
    }

    /// Seals and sends one packet.
    pub fn send(&mut self, packet: Packet<'_>) {
        let sealed = self.seal(packet);
        self.send_raw(&sealed);
    }

    pub fn send_raw(&self, datagram: &[u8]) {
        assert_eq!(
            self.socket.send_to(datagram, self.server).unwrap(),
            datagram.len()
        );
    }

    /// A sealed RTP packet.
    pub fn seal(&mut self, packet: Packet<'_>) -> Vec<u8> {
        let sender = self.sender.as_mut().unwrap();
        let stream = *self
            .streams
            .entry(packet.ssrc)
            .or_insert_with(|| sender.add_stream(packet.ssrc).unwrap());
        let writer = HeaderWriter {
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence: packet.index as u16,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            extensions: &[],
        };
        let mut datagram = vec![0; 64 + packet.payload.len()];
        let len = writer.write(&mut datagram).unwrap();
        let (header, body) = datagram.split_at_mut(len);
        let sealed = sender
            .seal_rtp(stream, header, packet.index, packet.payload, body)
            .unwrap();
        datagram.truncate(len + sealed);
        datagram
    }

    fn take_next(&mut self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        self.take();
    }

    /// Takes one datagram, if one comes.
    fn take(&mut self) -> bool {
        let mut buf = [0; 4_096];
        match self.socket.recv_from(&mut buf) {
            Ok((len, from)) => {
                assert_eq!(
                    from, self.server,
                    "an answer from another address than was asked"
                );
                self.handle(&mut buf[..len]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn handle(&mut self, datagram: &mut [u8]) {
        match rtp::demux(datagram).unwrap() {
            Kind::Stun => self.handle_stun(datagram),
            Kind::Dtls => self.run_dtls(Some(datagram)),
            Kind::Rtp => self.open(datagram),
            Kind::Rtcp => {
                self.receiver.as_mut().unwrap().open_rtcp(datagram).unwrap();
            }
        }
    }

    fn check(&mut self) {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&self.transaction.to_be_bytes());
        let mut buf = [0; 256];
        let writer = Writer::new(&mut buf, Class::Request, transaction);
        let writer = writer
            .username(&self.ufrag, "peer")
            .priority(1)
            .controlling(5)
            .use_candidate();
        let len = writer.finish(&self.key).unwrap();
        self.send_raw(&buf[..len]);
    }

    fn handle_stun(&mut self, datagram: &[u8]) {
        let message = Message::parse(datagram).unwrap();
        message.verify(&self.key).unwrap();
        if message.class == Class::Request {
            let mut buf = [0; 256];
            let writer =
                Writer::new(&mut buf, Class::Success, message.transaction).mapped(self.server);
            let len = writer.finish(&self.key).unwrap();
            self.send_raw(&buf[..len]);
            self.answered = true;
        } else {
            assert_eq!(message.class, Class::Success);
            assert_eq!(message.mapped, Some(self.socket.local_addr().unwrap()));
            self.checked = true;
        }
    }

    fn run_dtls(&mut self, datagram: Option<&[u8]>) {
        let Some(mut dtls) = self.dtls.take() else {
            return;
        };
        dtls.handle_timeout(Instant::now()).unwrap();
        if let Some(datagram) = datagram {
            dtls.handle_packet(datagram).unwrap();
        }
        let mut buf = [0; 4_096];
        loop {
            match dtls.poll_output(&mut buf) {
                Output::Timeout(_) => break,
                Output::Packet(packet) => self.send_raw(packet),
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
        self.dtls = Some(dtls);
    }

    fn open(&mut self, datagram: &mut [u8]) {
        let header = Header::parse_unauthenticated(datagram).unwrap();
        let receiver = self.receiver.as_mut().unwrap();
        let opened = receiver
            .open_rtp(header.header_len(), header.ssrc, header.sequence, datagram)
            .unwrap();
        if !opened.known {
            receiver.add_stream(header.ssrc, opened.index).unwrap();
        }
        let plain = &datagram[..opened.len];
        let header = header.with_padding(plain).unwrap();
        self.media.push(Got {
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload: header.payload(plain).to_vec(),
        });
    }
}
