// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::Slot;
use crate::drops::DropReason;
use crate::face::{OutgoingRtp, RtpClock};
use crate::session::{CodecParameters, Kind, ReceiveSlot};

fn slot(rtx: bool) -> Slot {
    let codec = CodecParameters {
        payload_type: 96,
        codec: rtp::Codec::Vp8,
        clock_rate: 90_000,
        rtx_payload_type: rtx.then_some(97),
    };
    Slot::new(&ReceiveSlot {
        mid: "5".into(),
        kind: Kind::Video,
        ssrc: 10,
        rtx_ssrc: rtx.then_some(11),
        codecs: vec![codec],
        extensions: vec![],
    })
}

fn attached(rtx: bool) -> Slot {
    let keys = srtp::Keys::new(srtp::Profile::AeadAes128Gcm, &[1; 16], &[2; 12]).unwrap();
    let mut slot = slot(rtx);
    slot.attach(&mut srtp::Sender::new(&keys).unwrap()).unwrap();
    slot
}

fn packet(ext_sequence: u64, timestamp: u32) -> OutgoingRtp<'static> {
    let codec = rtp::Codec::Vp8;
    OutgoingRtp {
        slot: 0,
        rtx: false,
        codec,
        marker: false,
        ext_sequence,
        timestamp,
        extensions: &[],
    }
}

#[test]
fn a_packet_is_addressed_by_its_codec() {
    let mut slot = attached(true);
    let address = slot.address(&packet(70_000, 1)).unwrap();
    assert_eq!(
        (address.ssrc, address.payload_type, address.ext_sequence),
        (10, 96, 70_000)
    );
    for expected in 0..3 {
        let address = slot
            .address(&OutgoingRtp {
                rtx: true,
                ..packet(70_000, 1)
            })
            .unwrap();
        assert_eq!(
            (address.ssrc, address.payload_type, address.ext_sequence),
            (11, 97, expected)
        );
    }
    let wrong = OutgoingRtp {
        codec: rtp::Codec::H264,
        ..packet(1, 1)
    };
    assert_eq!(
        slot.address(&wrong).err(),
        Some(DropReason::CodecNotNegotiated)
    );
    let retransmission = OutgoingRtp {
        rtx: true,
        ..packet(1, 1)
    };
    assert_eq!(
        attached(false).address(&retransmission).err(),
        Some(DropReason::NoRetransmission)
    );
    assert_eq!(
        Slot::new(&receive()).address(&packet(1, 1)).err(),
        Some(DropReason::NotConnected)
    );
}

fn receive() -> ReceiveSlot {
    let codec = CodecParameters {
        payload_type: 96,
        codec: rtp::Codec::Vp8,
        clock_rate: 90_000,
        rtx_payload_type: None,
    };
    ReceiveSlot {
        mid: "5".into(),
        kind: Kind::Video,
        ssrc: 10,
        rtx_ssrc: None,
        codecs: vec![codec],
        extensions: vec![],
    }
}

#[test]
fn a_sequence_number_is_the_newest_index_it_can_be() {
    let (mut slot, now) = (attached(false), Instant::now());
    assert_eq!(slot.index_of(5), None);
    let address = slot.address(&packet(131_075, 1)).unwrap();
    slot.on_sent(now, &packet(131_075, 1), &address, 10);
    assert_eq!(slot.index_of(3), Some(131_075));
    assert_eq!(slot.index_of(65_535), Some(131_071));
    assert_eq!(slot.index_of(4), None, "not sent yet");
}

#[test]
fn a_report_says_where_the_clock_is_now_and_only_after_news() {
    let (mut slot, start) = (attached(false), Instant::now());
    assert_eq!(slot.report(start, 1), None);
    let address = slot.address(&packet(1, 1_000)).unwrap();
    slot.on_sent(start, &packet(1, 1_000), &address, 10);
    let report = slot.report(start + Duration::from_millis(500), 7).unwrap();
    assert_eq!(
        (report.ssrc, report.ntp, report.rtp_timestamp),
        (10, 7, 46_000)
    );
    assert_eq!((report.packets, report.octets), (1, 10));
    assert_eq!(slot.report(start, 1), None);
    // The publisher's own clock is better than the time of forwarding.
    slot.on_sent(start, &packet(2, 2_000), &address, 10);
    slot.set_clock(RtpClock {
        at: start,
        timestamp: 500,
    });
    assert_eq!(
        slot.report(start + Duration::from_secs(1), 1)
            .unwrap()
            .rtp_timestamp,
        90_500
    );
}

#[test]
fn a_slot_is_continued_only_by_itself() {
    let slot = Slot::new(&receive());
    assert!(slot.is_continued_by(&receive()));
    assert!(!slot.is_continued_by(&ReceiveSlot {
        ssrc: 12,
        ..receive()
    }));
    assert!(!slot.is_continued_by(&ReceiveSlot {
        mid: "6".into(),
        ..receive()
    }));
    let mut codec = receive();
    codec.codecs[0].payload_type = 98;
    assert!(!slot.is_continued_by(&codec));
}
