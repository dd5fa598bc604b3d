// SPDX-License-Identifier: Apache-2.0
use std::net::SocketAddr;

use aws_lc_rs::hmac;
use proptest::prelude::*;

use super::{BINDING, Class, Message, StunError, Writer, server_ufrag};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}

fn key(password: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password)
}

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
/// RFC 5769 section 2.1.
const REQUEST: &str = "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
    00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56
    781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf";
/// RFC 5769 section 2.2.
const RESPONSE_V4: &str =
    "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008
    0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96";
/// RFC 5769 section 2.3.
const RESPONSE_V6: &str = "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014
    0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004
    c8fb0b4c";
/// RFC 5769 section 2.4.
const REQUEST_LONG_TERM: &str = "00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383
    e382afe3 82b90000 0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341 0014000b 6578616d
    706c652e 6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666";

#[test]
fn sample_request_of_rfc_5769() {
    let bytes = hex(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class, message.method), (Class::Request, BINDING));
    assert_eq!(
        message.transaction.to_vec(),
        hex("b7e7a701bc34d686fa87dfae")
    );
    assert_eq!(message.username, Some(b"evtj:h6vY".as_slice()));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.controlled, Some(0x932f_f9b1_5126_3b36));
    assert!(message.fingerprint && !message.use_candidate && message.unknown_required.is_none());
    assert_eq!(message.verify(&key(PASSWORD)), Ok(()));
    assert_eq!(
        message.verify(&key(b"VOkJxbRl1RmTxUk/WvJxBu")),
        Err(StunError::BadIntegrity)
    );
    assert_eq!(server_ufrag(&bytes), Some(b"evtj".as_slice()));
}

#[test]
fn sample_responses_of_rfc_5769() {
    for (text, address) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = hex(text);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Success, BINDING));
        assert_eq!(message.mapped, Some(address.parse::<SocketAddr>().unwrap()));
        assert!(message.fingerprint);
        assert_eq!(message.verify(&key(PASSWORD)), Ok(()));
        assert_eq!(server_ufrag(&bytes), None);
    }
}

#[test]
fn sample_request_with_long_term_credentials_of_rfc_5769() {
    let bytes = hex(REQUEST_LONG_TERM);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.username, Some("マトリックス".as_bytes()));
    assert!(!message.fingerprint);
    // MD5 of "マトリックス:example.org:TheMatrIX".
    assert_eq!(
        message.verify(&key(&hex("e8ca7ad59d5eb0518e312911d2dab2a9"))),
        Ok(())
    );
}

#[test]
fn a_damaged_message_is_refused() {
    let bytes = hex(REQUEST);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let accepted = Message::parse(&damaged).is_ok_and(|m| m.fingerprint);
        assert!(!accepted, "byte {at}");
    }
    let mut longer = bytes.clone();
    longer.extend([0x80, 0x22, 0, 0]);
    longer[3] += 4;
    assert!(
        Message::parse(&longer).is_err(),
        "nothing may follow FINGERPRINT"
    );
}

#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let mut buf = [0; 200];
    let len = Writer::new(&mut buf, Class::Request, [7; 12])
        .priority(1)
        .finish(&key(b"secret"))
        .unwrap();
    // Between MESSAGE-INTEGRITY and FINGERPRINT, with a fresh checksum: what an attacker on the way could add.
    let cut = len - 8;
    let mut forged = buf[..cut].to_vec();
    forged.extend([0x00, 0x25, 0x00, 0x00]);
    let counted = u16::try_from(forged.len() + 8 - 20).unwrap();
    forged[2..4].copy_from_slice(&counted.to_be_bytes());
    let sum = super::fingerprint(&forged);
    forged.extend([0x80, 0x28, 0x00, 0x04]);
    forged.extend(sum.to_be_bytes());
    let message = Message::parse(&forged).unwrap();
    assert_eq!(message.verify(&key(b"secret")), Ok(()));
    assert!(!message.use_candidate);
}

#[test]
fn an_unknown_attribute_that_must_be_understood_is_named() {
    let mut buf = [0; 200];
    let writer = Writer::new(&mut buf, Class::Request, [7; 12])
        .attribute(0x8055, &[1])
        .attribute(0x0077, &[1, 2]);
    let len = writer.finish(&key(b"secret")).unwrap();
    assert_eq!(
        Message::parse(&buf[..len]).unwrap().unknown_required,
        Some(0x0077)
    );
}

#[test]
fn a_buffer_too_short_gives_no_message() {
    let mut buf = [0; 60];
    assert_eq!(
        Writer::new(&mut buf, Class::Request, [7; 12])
            .username("abcd", "efgh")
            .finish(&key(b"s")),
        None
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        transaction in any::<[u8; 12]>(), priority in any::<u32>(), tie in any::<u64>(), port in any::<u16>(),
        ip in any::<std::net::IpAddr>(), nominate in any::<bool>(), ufrag in "[a-zA-Z0-9+/]{4,40}", password in "[a-z]{22}",
    ) {
        let mut buf = [0; 640];
        let address = SocketAddr::new(ip, port);
        let mut writer = Writer::new(&mut buf, Class::Request, transaction)
            .username(&ufrag, "peer").priority(priority).controlling(tie).mapped(address);
        if nominate {
            writer = writer.use_candidate();
        }
        let len = writer.finish(&key(password.as_bytes())).unwrap();
        let message = Message::parse(&buf[..len]).unwrap();
        prop_assert_eq!(message.transaction, transaction);
        prop_assert_eq!(message.priority, Some(priority));
        prop_assert_eq!(message.controlling, Some(tie));
        prop_assert_eq!(message.mapped, Some(address));
        prop_assert_eq!(message.use_candidate, nominate);
        prop_assert!(message.fingerprint);
        prop_assert_eq!(message.verify(&key(password.as_bytes())), Ok(()));
        prop_assert_eq!(server_ufrag(&buf[..len]), Some(ufrag.as_bytes()));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::parse(&bytes).map(|m| m.verify(&key(b"x")));
        let _ = server_ufrag(&bytes);
    }
}
