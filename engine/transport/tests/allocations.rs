// SPDX-License-Identifier: Apache-2.0
//! After warm-up a media packet costs no allocation, in either direction.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::certificate::generate_self_signed_certificate;
use dimpl::{Config, Dtls, Output};
use ice::Path;
use ice::stun::{Class, Message, Writer};
use srtp::{Keys, Profile, Sender, Side};
use transport::session::{
    CodecParameters, Credentials, DtlsVersion, Kind, ReceiveSlot, SendTrack, Track,
};
use transport::{
    DtlsIdentity, Egress, Input, OutgoingRtp, Peer, PeerEvent, PeerTransport, Rights, Session,
    Slab, Transmit,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local without a destructor,
// which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PWD_SERVER: &str = "serverpasswordserverpw";
const PWD_BROWSER: &str = "browserpasswordbrowser";

#[derive(Default)]
struct Wire(Vec<Vec<u8>>);

impl Transmit for Wire {
    fn transmit(&mut self, _path: Path, segment_size: usize, contents: &[u8]) {
        self.0
            .extend(contents.chunks(segment_size).map(<[u8]>::to_vec));
    }
}

struct Nowhere;

impl Transmit for Nowhere {
    fn transmit(&mut self, _path: Path, _segment_size: usize, _contents: &[u8]) {}
}

fn session(fingerprint: String) -> Session {
    let codec = CodecParameters {
        payload_type: 96,
        codec: rtp::Codec::Vp8,
        clock_rate: 90_000,
        rtx_payload_type: None,
    };
    let credentials = |ufrag: &str, pwd: &str| Credentials {
        ufrag: ufrag.into(),
        pwd: pwd.into(),
    };
    Session {
        local_ice: credentials("srv0", PWD_SERVER),
        remote_ice: credentials("brw0", PWD_BROWSER),
        remote_fingerprint: fingerprint,
        dtls: DtlsVersion::V12,
        rights: Rights::ALL,
        sends: vec![SendTrack {
            mid: "0".into(),
            track: Track::Main,
            codecs: vec![codec],
            rids: vec![],
            extensions: vec![],
            ssrcs: vec![],
        }],
        slots: vec![ReceiveSlot {
            mid: "1".into(),
            kind: Kind::Video,
            ssrc: 4_000,
            rtx_ssrc: None,
            codecs: vec![codec],
            extensions: vec![],
        }],
    }
}

fn key(password: &str) -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        password.as_bytes(),
    )
}

/// The DTLS client's output: datagrams, and the keys when they are there.
fn drain(dtls: &mut Dtls, out: &mut Vec<Vec<u8>>) -> Option<Sender> {
    let (mut buf, mut sender) = ([0; 4_096], None);
    loop {
        match dtls.poll_output(&mut buf) {
            Output::Timeout(_) => return sender,
            Output::Packet(packet) => out.push(packet.to_vec()),
            Output::KeyingMaterial(material, _) => {
                let (write, _) =
                    Keys::from_exporter(Profile::AeadAes256Gcm, &material, Side::Client).unwrap();
                sender = Some(Sender::new(&write).unwrap());
            }
            _ => {}
        }
    }
}

fn check() -> Vec<u8> {
    let mut buf = [0; ice::MAX_REPLY];
    let writer = Writer::new(&mut buf, Class::Request, [1; 12])
        .username("srv0", "brw0")
        .priority(1);
    let len = writer
        .controlling(1)
        .use_candidate()
        .finish(&key(PWD_SERVER))
        .unwrap();
    buf[..len].to_vec()
}

fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(request)
        .ok()
        .filter(|message| message.class == Class::Request)?;
    let mut buf = [0; ice::MAX_REPLY];
    let len =
        Writer::new(&mut buf, Class::Success, message.transaction).finish(&key(PWD_BROWSER))?;
    Some(buf[..len].to_vec())
}

/// A connected peer and the other side's SRTP sender.
fn connect(now: Instant, path: Path) -> (Peer, Sender) {
    let certificate = generate_self_signed_certificate().unwrap();
    let session = session(certificate.fingerprint_str());
    let mut client = Dtls::new_12(
        Arc::new(Config::builder().build().unwrap()),
        certificate,
        now,
    );
    client.set_active(true);
    client.handle_timeout(now).unwrap();
    let identity = Arc::new(DtlsIdentity::generate().unwrap());
    let mut peer = Peer::new(now, &session, &identity, &[3; 32]).unwrap();
    let (mut slab, mut wire, mut sender) = (Slab::new(), Wire::default(), None);
    let mut hello = Vec::new();
    drain(&mut client, &mut hello);
    // The handshake begins once the path is proven.
    for mut up in [vec![check()], hello] {
        while !up.is_empty() {
            for mut datagram in std::mem::take(&mut up) {
                let mut tx = Egress::new(&mut slab, &mut wire);
                peer.on_datagram(now, path, &mut datagram, &mut tx);
            }
            for datagram in std::mem::take(&mut wire.0) {
                if rtp::demux(&datagram) == Some(rtp::Kind::Dtls) {
                    client.handle_packet(&datagram).unwrap();
                    sender = drain(&mut client, &mut up).or(sender);
                } else {
                    up.extend(answer(&datagram));
                }
            }
        }
    }
    assert!(
        std::iter::from_fn(|| peer.poll_event())
            .any(|event| matches!(event, PeerEvent::Connected { .. }))
    );
    (peer, sender.unwrap())
}

/// A sealed VP8 packet of 1,200 bytes.
fn packet(sender: &mut Sender, stream: srtp::StreamId, index: u16) -> Vec<u8> {
    let mut packet = vec![0; 12 + 1_200 + 16];
    let writer = rtp::HeaderWriter {
        payload_type: 96,
        marker: true,
        sequence: index,
        timestamp: 1,
        ssrc: 7,
        extensions: &[],
    };
    writer.write(&mut packet).unwrap();
    let (header, body) = packet.split_at_mut(12);
    sender
        .seal_rtp(stream, header, u64::from(index), &[0x10; 1_200], body)
        .unwrap();
    packet
}

#[test]
fn no_media_packet_allocates_after_warm_up() {
    let mut now = Instant::now();
    let path = Path::new(
        "192.0.2.1:1".parse().unwrap(),
        "192.0.2.2:2".parse().unwrap(),
    );
    let (mut peer, mut sender) = connect(now, path);
    let stream = sender.add_stream(7).unwrap();
    let mut packets: Vec<_> = (0..3_000)
        .map(|index| packet(&mut sender, stream, index))
        .collect();
    let (mut slab, mut nowhere) = (Slab::new(), Nowhere);
    let mut before = 0;
    for (nth, datagram) in packets.iter_mut().enumerate() {
        if nth == 1_000 {
            before = COUNT.with(Cell::get);
        }
        now += Duration::from_micros(100);
        let mut tx = Egress::new(&mut slab, &mut nowhere);
        let Input::Rtp(input) = peer.on_datagram(now, path, datagram, &mut tx) else {
            unreachable!("every packet is good")
        };
        let out = OutgoingRtp {
            slot: 0,
            rtx: false,
            codec: input.codec,
            marker: input.header.marker,
            ext_sequence: input.ext_sequence,
            timestamp: input.header.timestamp,
            extensions: &[],
        };
        peer.send_rtp(now, &out, input.header.payload(datagram), &mut tx)
            .unwrap();
        assert!(peer.deadline().is_some() && peer.poll_event().is_none());
    }
    let allocations = COUNT.with(Cell::get) - before;
    assert_eq!(allocations, 0, "in 2,000 packets in and 2,000 out");
}
