// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;
use crate::Error;

fn blocks() -> [ReportBlock; 2] {
    let block = ReportBlock {
        ssrc: 7,
        fraction_lost: 64,
        cumulative_lost: -3,
        highest_sequence: 0x0001_0002,
        jitter: 99,
        last_sender_report: 0xaabb_ccdd,
        delay_since_last_sender_report: 65_536,
    };
    [
        block,
        ReportBlock {
            ssrc: 8,
            cumulative_lost: 0x7f_ffff,
            ..block
        },
    ]
}

#[test]
fn reports_come_back_as_they_were_written() {
    let info = SenderInfo {
        ssrc: 1,
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 5,
        packets: 6,
        octets: 7,
    };
    let mut compound = [0; 300];
    let mut len = write_sender_report(&mut compound, &info, &blocks()).unwrap();
    len += write_receiver_report(&mut compound[len..], 9, &blocks()[..1]).unwrap();
    len += write_sdes_cname(&mut compound[len..], 1, "sealroom").unwrap();
    len += write_bye(&mut compound[len..], 1).unwrap();
    let read: Vec<_> = packets(&compound[..len]).map(Result::unwrap).collect();
    let [
        Packet::SenderReport(report),
        Packet::ReceiverReport {
            ssrc: 9,
            blocks: second,
        },
        Packet::SourceDescription,
        Packet::Bye(bye),
    ] = &read[..]
    else {
        panic!("{read:?}");
    };
    assert_eq!(report.info, info);
    assert_eq!(report.blocks.collect::<Vec<_>>(), blocks());
    assert_eq!(second.collect::<Vec<_>>(), blocks()[..1]);
    assert_eq!(bye.sources().collect::<Vec<_>>(), [1]);
}

#[test]
fn feedback_comes_back_as_it_was_written() {
    let mut compound = [0; 100];
    let mut len = write_pli(&mut compound, 1, 2).unwrap();
    len += write_fir(&mut compound[len..], 1, 2, 3).unwrap();
    let read: Vec<_> = packets(&compound[..len]).map(Result::unwrap).collect();
    let [Packet::Pli { media_ssrc: 2 }, Packet::Fir(fir)] = &read[..] else {
        panic!("{read:?}")
    };
    assert_eq!(fir.requests().collect::<Vec<_>>(), [(2, 3)]);
}

#[test]
fn a_nack_packs_neighbours_and_spans_the_roll_over() {
    let missing = [65_530, 65_535, 0, 10, 11, 200];
    let mut packet = [0; 64];
    let len = write_nack(&mut packet, 1, 2, &missing).unwrap();
    assert_eq!(len, 12 + 3 * 4);
    let Some(Ok(Packet::Nack(nack))) = packets(&packet[..len]).next() else {
        panic!()
    };
    assert_eq!(nack.media_ssrc, 2);
    assert_eq!(nack.sequences().collect::<Vec<_>>(), missing);
    assert_eq!(write_nack(&mut packet, 1, 2, &[]), Err(Error::BadLength));
}

#[test]
fn remb_is_read_and_its_highest_values_do_not_overflow() {
    let mut packet = [
        0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x0b, 0xff, 0xff, 0, 0,
        0, 2,
    ];
    let read = |packet: &[u8]| match packets(packet).next() {
        Some(Ok(Packet::Remb(remb))) => remb.bits_per_second,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&packet), 0x3_ffff << 2);
    packet[17] = 0xff;
    assert_eq!(read(&packet), 1 << 63);
}

#[test]
fn a_compound_with_a_fault_ends_there() {
    let faulty: [(&[u8], Error); 7] = [
        (&[0x80, 201, 0], Error::Truncated),
        (&[0x40, 201, 0, 0], Error::BadVersion),
        (&[0x80, 201, 0, 9, 0, 0, 0, 0], Error::Truncated),
        (&[0x81, 201, 0, 1, 0, 0, 0, 0], Error::BadLength),
        (&[0x81, 205, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], Error::BadLength),
        (&[0xa0, 201, 0, 1, 0, 0, 0, 0], Error::BadPadding),
        (
            &[0xa0, 201, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0x80, 203, 0, 0],
            Error::BadPadding,
        ),
    ];
    for (compound, error) in faulty {
        let read: Vec<_> = packets(compound).collect();
        assert_eq!(
            read.last().unwrap().as_ref().unwrap_err(),
            &error,
            "{compound:?}"
        );
        assert_eq!(read.len(), 1);
    }
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let read: Vec<_> = packets(&[0x81, 204, 0, 0, 0x80, 207, 0, 0])
        .map(Result::unwrap)
        .collect();
    assert!(matches!(
        read[..],
        [
            Packet::Unknown {
                packet_type: 204,
                format: 1
            },
            Packet::ExtendedReport
        ]
    ));
}

#[test]
fn too_small_a_buffer_is_an_error_and_not_half_a_packet() {
    assert_eq!(write_pli(&mut [0; 11], 1, 2), Err(Error::NoSpace));
    assert_eq!(
        write_receiver_report(&mut [0; 2000], 1, &[ReportBlock::default(); 32]),
        Err(Error::TooLarge)
    );
    assert_eq!(
        write_sdes_cname(&mut [0; 2000], 1, &"x".repeat(256)),
        Err(Error::TooLarge)
    );
}

proptest! {
    #[test]
    fn any_rising_numbers_survive_a_nack(first in any::<u16>(), steps in prop::collection::vec(1u16..40, 0..50)) {
        let mut missing = vec![first];
        for step in steps {
            missing.push(missing.last().unwrap().wrapping_add(step));
        }
        let mut packet = [0; 400];
        let len = write_nack(&mut packet, 1, 2, &missing).unwrap();
        let Some(Ok(Packet::Nack(nack))) = packets(&packet[..len]).next() else { panic!() };
        prop_assert_eq!(nack.sequences().collect::<Vec<_>>(), missing);
    }
}
