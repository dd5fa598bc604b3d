// SPDX-License-Identifier: Apache-2.0
//! RFC 3711 appendix B, RFC 7714 sections 16 and 17, and the packets that libsrtp checks itself with at start.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::hex;
use crate::cipher::{Associated, Cipher, PacketId};
use crate::keys::SessionKeys;
use crate::{Keys, Profile, Receiver, Sender};

const MASTER_KEY: &str = "E1F97A0D3E018BE0D64FA32C06DE4139";
const MASTER_SALT: &str = "0EC675AD498AFEEBB6960B3AABE6";

fn session_keys(profile: Profile, key: &[u8], salt: &[u8]) -> SessionKeys {
    let mut keys = SessionKeys {
        profile,
        key: [0; 32],
        auth: [0; 20],
        salt: [0; 14],
    };
    keys.key[..key.len()].copy_from_slice(key);
    keys.salt[..salt.len()].copy_from_slice(salt);
    keys
}

/// RFC 3711 appendix B.2: the counter mode of the library is that of SRTP.
#[test]
fn key_stream_of_rfc_3711_b2() {
    let key = UnboundCipherKey::new(&AES_128, &hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let key = EncryptingKey::ctr(key).unwrap();
    let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    let mut stream = vec![0_u8; 0xff02 * 16];
    key.less_safe_encrypt(&mut stream, EncryptionContext::Iv128(FixedLength::from(iv)))
        .unwrap();
    let block = |i: usize| stream[i * 16..(i + 1) * 16].to_vec();
    assert_eq!(block(0), hex("E03EAD0935C95E80E166B16DD92B4EB4"));
    assert_eq!(block(1), hex("D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(block(2), hex("41E95B3BB0A2E8DD477901E4FCA894C0"));
    assert_eq!(block(0xfeff), hex("EC8CDF7398607CB0F2D21675EA9EA1E4"));
    assert_eq!(block(0xff00), hex("362B7C3C6773516318A077D7FC5073AE"));
    assert_eq!(block(0xff01), hex("6A2CC3787889374FBEB4C81B17BA6C44"));
}

/// RFC 3711 appendix B.3.
#[test]
fn key_derivation_of_rfc_3711_b3() {
    let keys = Keys::new(
        Profile::Aes128CmSha1_80,
        &hex(MASTER_KEY),
        &hex(MASTER_SALT),
    )
    .unwrap();
    let session = keys.rtp().unwrap();
    assert_eq!(session.key[..16], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(session.salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        session.auth.to_vec(),
        hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

const RTP_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
const GALLIA: &str =
    "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";
const QUID_PRO_QUO: &str = "51756964 2070726f 2071756f";
const RTP_128: &str =
    "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
    899d7f27 beb16a91 52cf765e e4390cce";
const RTP_256: &str =
    "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
    7aa3db36 dfffd6b0 f9bb7878 d7a76c13";

fn gcm_rtp(profile: Profile, expected: &str) {
    let key: Vec<u8> = (0..u8::try_from(profile.key_len()).unwrap()).collect();
    let cipher = Cipher::new(&session_keys(profile, &key, &hex(QUID_PRO_QUO))).unwrap();
    let id = PacketId {
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    let (header, plain) = (hex(RTP_HEADER), hex(GALLIA));
    let mut out = vec![0; plain.len() + 16];
    let (body, tag) = out.split_at_mut(plain.len());
    cipher
        .seal(id, Associated::Rtp(&header), &plain, body, tag)
        .unwrap();
    assert_eq!(out, hex(expected));
    let (body, tag) = out.split_at_mut(plain.len());
    cipher
        .open(id, Associated::Rtp(&header), body, tag)
        .unwrap();
    assert_eq!(body, plain);
}

/// RFC 7714 section 16.1.
#[test]
fn srtp_aead_aes_128_gcm_of_rfc_7714() {
    gcm_rtp(Profile::AeadAes128Gcm, RTP_128);
}

/// RFC 7714 section 16.2.
#[test]
fn srtp_aead_aes_256_gcm_of_rfc_7714() {
    gcm_rtp(Profile::AeadAes256Gcm, RTP_256);
}

const RTCP: &str =
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef
    deadbeef deadbeef deadbeef";
const RTCP_128: &str =
    "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
    0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade";
const RTCP_256: &str =
    "d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
    6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be";

fn gcm_rtcp(profile: Profile, expected: &str) {
    let key: Vec<u8> = (0..u8::try_from(profile.key_len()).unwrap()).collect();
    let cipher = Cipher::new(&session_keys(profile, &key, &hex(QUID_PRO_QUO))).unwrap();
    let id = PacketId {
        ssrc: 0x4d61_7273,
        index: 0x5d4,
    };
    let packet = hex(RTCP);
    let associated = Associated::Rtcp(&packet[..8], 0x8000_05d4_u32.to_be_bytes());
    let mut out = packet[8..].to_vec();
    let mut tag = [0; 16];
    cipher
        .seal_in_place(id, associated, &mut out, &mut tag)
        .unwrap();
    assert_eq!([out.as_slice(), &tag].concat(), hex(expected));
    cipher.open(id, associated, &mut out, &tag).unwrap();
    assert_eq!(out, &packet[8..]);
}

/// RFC 7714 section 17.1.
#[test]
fn srtcp_aead_aes_128_gcm_of_rfc_7714() {
    gcm_rtcp(Profile::AeadAes128Gcm, RTCP_128);
}

/// RFC 7714 section 17.2.
#[test]
fn srtcp_aead_aes_256_gcm_of_rfc_7714() {
    gcm_rtcp(Profile::AeadAes256Gcm, RTCP_256);
}

fn cm() -> (Sender, Receiver) {
    let keys = Keys::new(
        Profile::Aes128CmSha1_80,
        &hex(MASTER_KEY),
        &hex(MASTER_SALT),
    )
    .unwrap();
    (Sender::new(&keys).unwrap(), Receiver::new(&keys).unwrap())
}

#[test]
fn srtp_counter_mode_packet_of_libsrtp() {
    let (mut sender, mut receiver) = cm();
    let header = hex("800f1234 decafbad cafebabe");
    let mut packet = header.clone();
    packet.resize(12 + 16 + 10, 0);
    let stream = sender.add_stream(0xcafe_babe).unwrap();
    let (_, dst) = packet.split_at_mut(12);
    assert_eq!(
        sender.seal_rtp(stream, &header, 0x1234, &[0xab; 16], dst),
        Ok(26)
    );
    assert_eq!(
        packet[12..],
        hex("4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb")
    );
    let opened = receiver
        .open_rtp(12, 0xcafe_babe, 0x1234, &mut packet)
        .unwrap();
    assert_eq!((opened.len, opened.index), (28, 0x1234));
    assert_eq!(packet[12..28], [0xab; 16]);
}

#[test]
fn srtcp_counter_mode_packet_of_libsrtp() {
    let (mut sender, mut receiver) = cm();
    let plain = hex("81c8000b cafebabe abababab abababab abababab abababab");
    let mut packet = plain.clone();
    packet.resize(24 + 14, 0);
    assert_eq!(sender.seal_rtcp(&mut packet, 24), Ok(38));
    let sealed = hex(
        "81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798",
    );
    assert_eq!(packet, sealed);
    assert_eq!(receiver.open_rtcp(&mut packet), Ok(24));
    assert_eq!(packet[..24], plain);
}
