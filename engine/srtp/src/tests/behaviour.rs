// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::{PROFILES, header, pair};
use crate::{Error, Keys, Profile, Side};

fn sealed(
    sender: &mut crate::Sender,
    stream: crate::StreamId,
    ssrc: u32,
    index: u64,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = header(ssrc, u16::try_from(index & 0xffff).unwrap()).to_vec();
    packet.resize(12 + payload.len() + sender.profile().tag_len(), 0);
    let (head, dst) = packet.split_at_mut(12);
    sender.seal_rtp(stream, head, index, payload, dst).unwrap();
    packet
}

#[test]
fn what_one_side_seals_the_other_opens_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let stream = sender.add_stream(5).unwrap();
        let packet = sealed(&mut sender, stream, 5, 70, b"hello");
        let mut copy = packet.clone();
        let opened = receiver.open_rtp(12, 5, 70, &mut copy).unwrap();
        assert_eq!((opened.len, opened.index, opened.known), (17, 70, false));
        assert_eq!(&copy[12..17], b"hello");
        receiver.add_stream(5, opened.index).unwrap();
        assert_eq!(
            receiver.open_rtp(12, 5, 70, &mut packet.clone()),
            Err(Error::Replay)
        );
    }
}

#[test]
fn an_index_is_sealed_once_and_a_spent_nonce_stays_spent() {
    let (mut sender, _) = pair(Profile::AeadAes256Gcm);
    let stream = sender.add_stream(5).unwrap();
    let _ = sealed(&mut sender, stream, 5, 70, b"hello");
    let mut dst = [0; 64];
    assert_eq!(
        sender.seal_rtp(stream, &header(5, 70), 70, b"other", &mut dst),
        Err(Error::NonceReuse)
    );
    let _ = sealed(&mut sender, stream, 5, 2_000, b"later");
    assert_eq!(
        sender.seal_rtp(stream, &header(5, 71), 71, b"old", &mut dst),
        Err(Error::NonceReuse)
    );
    assert!(
        sender
            .seal_rtp(stream, &header(5, 1_990), 1_990, b"late", &mut dst)
            .is_ok()
    );
}

#[test]
fn a_header_that_contradicts_the_index_is_refused() {
    let (mut sender, _) = pair(Profile::AeadAes256Gcm);
    let stream = sender.add_stream(5).unwrap();
    let mut dst = [0; 64];
    assert_eq!(
        sender.seal_rtp(stream, &header(5, 71), 70, b"x", &mut dst),
        Err(Error::Malformed)
    );
    assert_eq!(
        sender.seal_rtp(stream, &header(6, 70), 70, b"x", &mut dst),
        Err(Error::Malformed)
    );
    assert_eq!(
        sender.seal_rtp(stream, &header(5, 70), 70, b"x", &mut dst[..16]),
        Err(Error::Malformed)
    );
    assert_eq!(
        sender.seal_rtp(stream, &header(5, 0), 1 << 48, b"x", &mut dst),
        Err(Error::KeyExhausted)
    );
    assert_eq!(sender.add_stream(5), Err(Error::UnknownStream));
}

#[test]
fn the_roll_over_counter_follows_the_sequence_number() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let stream = sender.add_stream(9).unwrap();
        for (nth, index) in [
            65_530_u64, 65_535, 65_537, 65_536, 65_534, 90_000, 115_000, 131_072, 131_071,
        ]
        .into_iter()
        .enumerate()
        {
            let mut packet = sealed(&mut sender, stream, 9, index, b"payload");
            let sequence = u16::try_from(index & 0xffff).unwrap();
            let opened = receiver.open_rtp(12, 9, sequence, &mut packet).unwrap();
            assert_eq!(opened.index, index);
            if nth == 0 {
                receiver.add_stream(9, index).unwrap();
            }
        }
    }
}

#[test]
fn a_tampered_packet_is_refused_and_the_real_one_still_opens() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let stream = sender.add_stream(5).unwrap();
        let packet = sealed(&mut sender, stream, 5, 70, b"hello");
        receiver.add_stream(5, 60).unwrap();
        for at in [0, 1, 4, 12, packet.len() - 1] {
            let mut forged = packet.clone();
            forged[at] ^= 1;
            assert_eq!(
                receiver.open_rtp(12, 5, 70, &mut forged),
                Err(Error::AuthFailed),
                "byte {at}"
            );
        }
        assert!(receiver.open_rtp(12, 5, 70, &mut packet.clone()).is_ok());
    }
}

#[test]
fn rtcp_is_opened_once_per_sender_and_never_in_clear() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packets = Vec::new();
        for ssrc in [1_u8, 2, 1] {
            let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, ssrc];
            packet.resize(8 + profile.rtcp_overhead(), 0);
            assert_eq!(
                sender.seal_rtcp(&mut packet, 8),
                Ok(8 + profile.rtcp_overhead())
            );
            packets.push(packet);
        }
        for packet in packets.iter().rev() {
            assert_eq!(receiver.open_rtcp(&mut packet.clone()), Ok(8));
        }
        for packet in &packets {
            assert_eq!(receiver.open_rtcp(&mut packet.clone()), Err(Error::Replay));
        }
        let mut clear = packets[0].clone();
        let word = if profile == Profile::Aes128CmSha1_80 {
            8
        } else {
            clear.len() - 4
        };
        clear[word] &= 0x7f;
        assert_eq!(receiver.open_rtcp(&mut clear), Err(Error::NotEncrypted));
    }
}

#[test]
fn streams_are_bounded() {
    let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..128 {
        sender.add_stream(ssrc).unwrap();
        receiver.add_stream(ssrc, 0).unwrap();
    }
    assert_eq!(sender.add_stream(128), Err(Error::TooManyStreams));
    assert_eq!(receiver.add_stream(128, 0), Err(Error::TooManyStreams));
}

#[test]
fn keys_of_the_wrong_length_are_refused_and_never_printed() {
    assert!(Keys::new(Profile::AeadAes256Gcm, &[1; 16], &[2; 12]).is_err());
    assert!(Keys::from_exporter(Profile::AeadAes128Gcm, &[0xab; 55], Side::Server).is_err());
    let keys = Keys::new(Profile::AeadAes256Gcm, &[0xab; 32], &[0xcd; 12]).unwrap();
    assert_eq!(format!("{keys:?}"), "Keys { profile: AeadAes256Gcm, .. }");
}

proptest! {
    #[test]
    fn any_payload_survives_the_way(profile in 0_usize..3, payload in prop::collection::vec(any::<u8>(), 0..1_500), first in 0_u64..65_536) {
        let (mut sender, mut receiver) = pair(PROFILES[profile]);
        let stream = sender.add_stream(77).unwrap();
        let mut packet = sealed(&mut sender, stream, 77, first, &payload);
        let opened = receiver.open_rtp(12, 77, u16::try_from(first).unwrap(), &mut packet).unwrap();
        prop_assert_eq!(&packet[12..opened.len], payload.as_slice());
    }

    /// Whatever the order, an index opens exactly once.
    #[test]
    fn every_index_opens_exactly_once(order in prop::collection::vec(0_u64..200, 1..300)) {
        let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
        let stream = sender.add_stream(1).unwrap();
        let packets: Vec<_> = (0..200).map(|i| sealed(&mut sender, stream, 1, 65_436 + i, b"p")).collect();
        receiver.add_stream(1, 65_400).unwrap();
        let mut seen = std::collections::HashSet::new();
        for nth in order {
            let sequence = u16::try_from((65_436 + nth) & 0xffff).unwrap();
            let mut packet = packets[usize::try_from(nth).unwrap()].clone();
            let opened = receiver.open_rtp(12, 1, sequence, &mut packet);
            prop_assert_eq!(opened.is_ok(), seen.insert(nth));
        }
    }
}
