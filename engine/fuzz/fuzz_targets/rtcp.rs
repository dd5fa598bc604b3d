// SPDX-License-Identifier: Apache-2.0
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::rtcp::{Packet, packets};

fuzz_target!(|data: &[u8]| {
    for packet in packets(data).flatten() {
        match packet {
            Packet::Nack(nack) => assert!(nack.sequences().count() <= data.len() * 17 / 4),
            Packet::TransportFeedback(feedback) => assert!(feedback.reports().count() <= 8_192),
            Packet::SenderReport(report) => assert!(report.blocks.count() <= 31),
            Packet::Fir(fir) => assert!(fir.requests().count() <= data.len()),
            _ => {}
        }
    }
});
