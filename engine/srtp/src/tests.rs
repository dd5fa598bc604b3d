// SPDX-License-Identifier: Apache-2.0
//! RFC vectors and behaviour of both directions together.

mod behaviour;
mod hostile;
mod vectors;

use crate::{Keys, Profile, Receiver, Sender, Side};

pub(crate) const PROFILES: [Profile; 3] = [
    Profile::AeadAes256Gcm,
    Profile::AeadAes128Gcm,
    Profile::Aes128CmSha1_80,
];

/// Both ends of one handshake, and the direction from server to client.
pub(crate) fn pair(profile: Profile) -> (Sender, Receiver) {
    let material: Vec<u8> = (0..profile.exporter_len())
        .map(|i| u8::try_from(i * 7 % 251).unwrap())
        .collect();
    let (write, _) = Keys::from_exporter(profile, &material, Side::Server).unwrap();
    let (_, read) = Keys::from_exporter(profile, &material, Side::Client).unwrap();
    (Sender::new(&write).unwrap(), Receiver::new(&read).unwrap())
}

pub(crate) fn header(ssrc: u32, sequence: u16) -> [u8; 12] {
    let mut header = [0x80, 96, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[8..].copy_from_slice(&ssrc.to_be_bytes());
    header
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}
