// SPDX-License-Identifier: Apache-2.0
//! Callers on real sockets: joining, media, addresses, both branches of the system layer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod call;

use std::net::UdpSocket;

use call::media::{
    AUDIO_PT, AUDIO_SLOT_SSRC, AUDIO_SSRC, VIDEO_PT, VIDEO_SLOT_SSRC, VIDEO_SSRC, video_payload,
    voice_payload,
};
use call::{Caller, Got, Host, Identity, Packet, config};
use node::EngineConfig;
use shard::Event;
use transport::session::{DtlsVersion, Track};

fn voice(index: u64, payload: &[u8]) -> Packet<'_> {
    let timestamp = index as u32 * 960;
    Packet {
        payload_type: AUDIO_PT,
        ssrc: AUDIO_SSRC,
        index,
        timestamp,
        marker: index == 0,
        payload,
    }
}

/// Sends a frame of `count` packets of `len` bytes, beginning with packet `index`.
fn send_frame(from: &mut Caller, index: u64, count: u64, len: usize) {
    let sealed: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let payload = video_payload(number == 0, index == 0, len, (index + number) as u8);
            from.seal(Packet {
                payload_type: VIDEO_PT,
                ssrc: VIDEO_SSRC,
                index: index + number,
                timestamp: index as u32 * 3_000,
                marker: number + 1 == count,
                payload: &payload,
            })
        })
        .collect();
    sealed.iter().for_each(|datagram| from.send_raw(datagram));
}

fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

fn assert_media_flows(from: &mut Caller, to: &mut Caller) {
    let payload = voice_payload(40, 7);
    from.send(voice(0, &payload));
    let heard = to.receive_all(1).remove(0);
    assert_eq!(
        (heard.ssrc, heard.payload_type, heard.payload),
        (AUDIO_SLOT_SSRC, AUDIO_PT, payload)
    );
    send_frame(from, 0, 2, 1_000);
    let seen = to.receive_all(2);
    assert_eq!(seen[0].payload, video_payload(true, true, 1_000, 0));
    assert_eq!(seen[1].payload, video_payload(false, true, 1_000, 1));
    assert!(seen.iter().all(|got| got.ssrc == VIDEO_SLOT_SSRC));
    assert_eq!(
        seen.iter().map(|got| got.marker).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn media_flows_both_ways_between_ipv4_and_ipv6() {
    let addresses: &[&str] = if has_ipv6() {
        &["127.0.0.1:0", "[::1]:0"]
    } else {
        &["127.0.0.1:0", "127.0.0.2:0"]
    };
    let (mut host, identity) = (Host::on(addresses), Identity::new());
    let (mut one, mut other) = (host.join(&identity, 1, 0), host.join(&identity, 2, 1));
    host.show(1, 2, 1);
    host.show(2, 1, 1);
    assert_media_flows(&mut one, &mut other);
    assert_media_flows(&mut other, &mut one);
    let profile = "AEAD_AES_256_GCM".to_owned();
    let connected = Event::Connected {
        peer: 2,
        profile,
        dtls: DtlsVersion::V12,
    };
    assert!(host.events.contains(&connected), "{:?}", host.events);
    let active = Event::TrackActive {
        peer: 1,
        track: Track::Main,
        layers: vec![0],
    };
    host.wait(|event| (*event == active).then_some(()));
}

/// A caller refuses what comes from another address than it asked.
#[test]
fn every_address_serves_and_answers_as_itself() {
    for force_portable in [false, true] {
        let addresses = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"];
        let mut host = Host::start(&EngineConfig {
            force_portable,
            ..config(&addresses)
        });
        let identity = Identity::new();
        let mut callers: Vec<Caller> = (0..3)
            .map(|place| host.join(&identity, place as u64, place))
            .collect();
        let payload = voice_payload(40, 9);
        callers[0].send(voice(0, &payload));
        for caller in &mut callers[1..] {
            assert_eq!(caller.receive_all(1)[0].payload, payload);
        }
    }
}

/// What the subscriber gets of a call whose packets come in bursts of all sizes.
fn seen_in_a_call(force_portable: bool) -> Vec<Got> {
    let mut host = Host::start(&EngineConfig {
        force_portable,
        ..config(&["127.0.0.1:0"])
    });
    let identity = Identity::new();
    let (mut publisher, mut subscriber) = (host.join(&identity, 1, 0), host.join(&identity, 2, 0));
    host.show(2, 1, 1);
    let (mut index, mut seen) = (0, Vec::new());
    for (count, len) in [(1, 1_172), (8, 1_172), (20, 1_172), (3, 40), (16, 500)] {
        send_frame(&mut publisher, index, count, len);
        seen.extend(subscriber.receive_all(count as usize));
        index += count;
    }
    assert_eq!(host.engine.unsent(), (0, 0));
    seen
}

#[test]
fn offload_and_the_portable_branch_give_the_same_packets() {
    let [offload, portable] = [false, true].map(seen_in_a_call);
    // Where numbering starts is drawn anew for each call.
    let shape = |seen: &[Got]| -> Vec<(u16, u32, bool, Vec<u8>)> {
        let first = &seen[0];
        let relative = |got: &Got| {
            let (sequence, timestamp) = (
                got.sequence.wrapping_sub(first.sequence),
                got.timestamp.wrapping_sub(first.timestamp),
            );
            (sequence, timestamp, got.marker, got.payload.clone())
        };
        seen.iter().map(relative).collect()
    };
    assert_eq!(offload.len(), 48);
    assert_eq!(shape(&offload), shape(&portable));
    let sequences: Vec<u16> = shape(&offload)
        .iter()
        .map(|(sequence, ..)| *sequence)
        .collect();
    assert_eq!(sequences, (0..48).collect::<Vec<u16>>());
}

#[test]
fn a_removed_peer_is_told_and_a_leaving_one_is_noticed() {
    let (mut host, identity) = (Host::on(&["127.0.0.1:0"]), Identity::new());
    let (mut one, other) = (host.join(&identity, 1, 0), host.join(&identity, 2, 0));
    assert_eq!(
        host.ask(|token| shard::Command::RemovePeer {
            token: Some(token),
            peer: 1
        }),
        None
    );
    one.wait_for_close();
    other.leave();
    let reason = host.wait(|event| match event {
        Event::Closed { peer: 2, reason } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, "closed_by_peer");
    assert_eq!(host.stats().peers, 0);
}

#[test]
fn what_strangers_send_is_counted_and_disturbs_nobody() {
    const EACH: u64 = 200;
    let (mut host, identity) = (Host::on(&["127.0.0.1:0"]), Identity::new());
    let (mut one, mut other) = (host.join(&identity, 1, 0), host.join(&identity, 2, 0));
    let before: u64 = host.stats().refused.values().sum();
    let strangers: Vec<UdpSocket> = ["127.0.0.9:0", "127.0.0.10:0"]
        .iter()
        .map(|address| UdpSocket::bind(address).unwrap())
        .collect();
    // One of each protocol's first bytes, one of none, and one that is empty and counts for nothing.
    let garbage: [&[u8]; 6] = [
        &[0; 20],
        &[22; 100],
        &[0x80; 1_200],
        &[0x80, 200, 0, 0],
        &[255; 3],
        &[],
    ];
    for round in 0..EACH {
        for stranger in &strangers {
            garbage
                .iter()
                .for_each(|bytes| assert!(stranger.send_to(bytes, host.address(0)).is_ok()));
        }
        let payload = voice_payload(40, round as u8);
        one.send(voice(round, &payload));
        assert_eq!(other.receive_all(1)[0].payload, payload);
    }
    let refused: u64 = host.stats().refused.values().sum();
    assert_eq!(refused - before, EACH * strangers.len() as u64 * 5);
}

#[test]
fn the_dump_holds_every_packet_that_was_accepted() {
    let path = std::env::temp_dir().join(format!("sealroom-dump-{}", std::process::id()));
    let mut host = Host::start(&EngineConfig {
        sink_dump: Some(path.clone()),
        ..config(&["127.0.0.1:0"])
    });
    let identity = Identity::new();
    let (mut one, mut other) = (host.join(&identity, 1, 0), host.join(&identity, 2, 0));
    let payloads = [1, 2, 3].map(|fill| voice_payload(50, fill));
    for (index, payload) in payloads.iter().enumerate() {
        one.send(voice(index as u64, payload));
        other.receive_all(1);
    }
    host.engine.close();
    let dump = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let record = 4 + shard::RECORD_HEADER + 50;
    assert_eq!(dump.len(), 3 * record);
    for (place, payload) in payloads.iter().enumerate() {
        assert!(dump[place * record..(place + 1) * record].ends_with(payload));
    }
}
