// SPDX-License-Identifier: Apache-2.0
//! Callers in one room: checks, handshakes, media, repair.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod town;

use std::time::Duration;

use ice::Path;
use rtp::rtcp;
use shard::{AudioSlot, Command, Event, RECORD_HEADER};
use town::{AUDIO_SLOT_SSRC, Caller, ROOM, RTX_SLOT_SSRC, Town, VIDEO_SLOT_SSRC, path, session};
use transport::session::{Rights, Track};

fn two() -> Town {
    let mut town = Town::new();
    town.join(1);
    town.join(2);
    town.bind(2, 1, 1, 2);
    town
}

#[test]
fn voice_and_camera_flow_both_ways() {
    let mut town = two();
    town.bind(1, 1, 2, 0);
    for (from, to) in [(1, 2), (2, 1)] {
        let packets = [
            town.voice(from, b"hello"),
            town.frame(from, 0, true, b"picture"),
        ];
        for packet in packets {
            town.give_from(from, packet);
        }
        assert_eq!(town.heard(to, AUDIO_SLOT_SSRC), [b"hello"]);
        assert_eq!(
            town.heard(to, VIDEO_SLOT_SSRC),
            [[&[0x10, 0][..], b"picture"].concat()]
        );
    }
    let heard = |event: &Event| match event {
        Event::AudioSlots { peer, slots } => Some((*peer, slots.clone())),
        _ => None,
    };
    let news: Vec<_> = town.events.iter().filter_map(heard).collect();
    assert_eq!(
        news,
        [
            (
                2,
                vec![AudioSlot {
                    slot: 0,
                    source: Some(1)
                }]
            ),
            (
                1,
                vec![AudioSlot {
                    slot: 0,
                    source: Some(2)
                }]
            )
        ]
    );
    let active = Event::TrackActive {
        peer: 1,
        track: Track::Main,
        layers: vec![0],
    };
    assert!(town.events.contains(&active), "{:?}", town.events);
    assert!(town.events.contains(&Event::Bound {
        peer: 2,
        slot: 1,
        generation: 1
    }));
    let stats = town.stats();
    assert_eq!(
        (stats.peers, stats.rooms, stats.accepted, stats.forwarded),
        (2, 1, 4, 4)
    );
}

#[test]
fn a_batch_leaves_as_runs_per_subscriber() {
    let mut town = two();
    town.join(3);
    town.bind(3, 1, 1, 0);
    let first = town.frame(1, 0, true, &[1; 500]);
    town.give_from(1, first);
    town.heard(2, VIDEO_SLOT_SSRC);
    let path = town.callers[&1].path;
    let batch: Vec<_> = (0..6)
        .map(|_| (path, town.frame(1, 0, false, &[2; 500])))
        .collect();
    struct Runs(Vec<(Path, usize)>);
    impl transport::Transmit for Runs {
        fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]) {
            self.0.push((path, contents.len().div_ceil(segment_size)));
        }
    }
    let mut runs = Runs(Vec::new());
    let mut batch = batch;
    let mut datagrams: Vec<_> = batch
        .iter_mut()
        .map(|(path, buf)| shard::Datagram { path: *path, buf })
        .collect();
    town.shard.handle_batch(town.now, &mut datagrams, &mut runs);
    runs.0.sort_unstable();
    assert_eq!(runs.0, [(path_of(&town, 2), 6), (path_of(&town, 3), 6)]);
}

fn path_of(town: &Town, peer: u64) -> Path {
    town.callers[&peer].path
}

#[test]
fn a_lost_packet_comes_again_and_a_lost_picture_asks_the_publisher() {
    let mut town = two();
    for key in [true, false] {
        let frame = town.frame(1, 0, key, b"picture");
        town.give_from(1, frame);
    }
    let last = town.callers[&2].got.last().unwrap().header;
    let mut compound = [0; 64];
    let len = rtcp::write_nack(&mut compound, 1, last.ssrc, &[last.sequence]).unwrap();
    let nack = town.callers.get_mut(&2).unwrap().rtcp(&compound[..len]);
    town.give_from(2, nack);
    let again = town.heard(2, RTX_SLOT_SSRC);
    let expected = [&last.sequence.to_be_bytes()[..], &[0x10, 1], b"picture"].concat();
    assert_eq!(again, [expected]);
    town.pass(Duration::from_millis(300));
    town.callers.get_mut(&1).unwrap().rtcp.clear();
    let len = rtcp::write_pli(&mut compound, 1, last.ssrc).unwrap();
    let pli = town.callers.get_mut(&2).unwrap().rtcp(&compound[..len]);
    town.give_from(2, pli);
    assert_eq!(plis(&town, 1), [60], "at once, for the layer that flows");
}

/// SSRCs of which a caller was asked for a key frame.
fn plis(town: &Town, peer: u64) -> Vec<u32> {
    let compounds = town.callers[&peer].rtcp.iter();
    let pli = |packet: Result<rtcp::Packet<'_>, _>| match packet {
        Ok(rtcp::Packet::Pli { media_ssrc, .. }) => Some(media_ssrc),
        _ => None,
    };
    compounds
        .flat_map(|compound| rtcp::packets(compound).filter_map(pli).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_bound_slot_asks_the_publisher_of_its_layer() {
    let mut town = two();
    for layer in [0, 2] {
        let frame = town.frame(1, layer, true, b"picture");
        town.give_from(1, frame);
    }
    town.bind(2, 2, 1, 0);
    assert_eq!(plis(&town, 1), [60]);
}

#[test]
fn rights_hold_on_the_packet_path() {
    let mut town = two();
    town.command(Command::SetRights {
        token: None,
        peer: 1,
        rights: Rights::ALL.without(Rights::SEND_AUDIO),
    });
    town.command(Command::SetRights {
        token: None,
        peer: 2,
        rights: Rights::ALL.without(Rights::RECEIVE_VIDEO),
    });
    for packet in [town.voice(1, b"hello"), town.frame(1, 0, true, b"picture")] {
        town.give_from(1, packet);
    }
    assert!(town.callers[&2].got.is_empty());
    assert_eq!(town.refused("no_right_send_audio"), 1);
    assert_eq!(town.refused("no_right_receive_video"), 1);
}

#[test]
fn a_muted_track_is_silent() {
    let mut town = two();
    let mute = |muted| Command::SetMuted {
        token: None,
        peer: 1,
        track: Track::Audio,
        muted,
    };
    town.command(mute(true));
    let packet = town.voice(1, b"hello");
    town.give_from(1, packet);
    assert!(town.heard(2, AUDIO_SLOT_SSRC).is_empty());
    town.command(mute(false));
    let packet = town.voice(1, b"again");
    town.give_from(1, packet);
    assert_eq!(town.heard(2, AUDIO_SLOT_SSRC), [b"again"]);
}

#[test]
fn a_sealed_room_refuses_clear_media_and_dumps_what_it_forwards() {
    let mut town = Town::new();
    let file = Shared::default();
    let dump = shard::DumpSink::new(file.clone());
    town.shard
        .set_sinks(Some(Box::new(move |_| Box::new(dump.clone()))));
    town.command(Command::CloseRoom {
        token: None,
        room: ROOM,
    });
    town.command(Command::AddRoom {
        token: None,
        room: ROOM,
        sealing_required: true,
    });
    town.join(1);
    town.join(2);
    let sealed = [&[0x11, 0][..], &[0xEE; 30]].concat();
    for payload in [&b"in clear, and long enough for a header"[..], &sealed] {
        let packet = town.voice(1, payload);
        town.give_from(1, packet);
    }
    assert_eq!(
        town.heard(2, AUDIO_SLOT_SSRC),
        std::slice::from_ref(&sealed)
    );
    assert_eq!(town.refused("clear_media"), 1);
    let dumped = file.0.lock().unwrap().clone();
    assert_eq!(dumped[4 + RECORD_HEADER..], sealed);
}

#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_goes_is_told_who_vanishes_is_reported() {
    let mut town = two();
    town.command(Command::RemovePeer {
        token: Some(9),
        peer: 1,
    });
    assert!(town.callers[&1].closed, "close_notify");
    assert_eq!(town.result(9), None);
    let silent = path(20_000);
    town.callers.get_mut(&2).unwrap().path = silent;
    town.pass(Duration::from_secs(60));
    assert!(town.events.contains(&Event::Closed {
        peer: 2,
        reason: "consent_lost".to_owned()
    }));
    let stats = town.stats();
    assert_eq!((stats.peers, stats.rooms), (0, 1));
    assert_eq!(town.shard.deadline(), None, "an empty shard wakes nobody");
}

#[test]
fn a_caller_who_moves_is_found_at_his_new_address() {
    let mut town = two();
    let new = path(30_000);
    town.callers.get_mut(&1).unwrap().path = new;
    let packet = town.voice(1, b"too early");
    town.give_from(1, packet);
    assert_eq!(town.refused("unknown_peer"), 1);
    let check = town.callers.get_mut(&1).unwrap().check();
    town.give_from(1, check);
    let packet = town.voice(1, b"hello");
    town.give_from(1, packet);
    assert_eq!(town.heard(2, AUDIO_SLOT_SSRC), [b"hello"]);
}

#[test]
fn nobody_pulls_away_anothers_address_with_a_check_of_his_own() {
    let mut town = two();
    let victim = town.callers[&1].path;
    let forged = town.callers.get_mut(&2).unwrap().check();
    town.give(victim, forged);
    let packet = town.voice(1, b"still here");
    town.give_from(1, packet);
    assert_eq!(town.heard(2, AUDIO_SLOT_SSRC), [b"still here"]);
}

#[test]
fn an_ice_restart_moves_the_name_and_keeps_the_call() {
    let mut town = two();
    let mut again = session("new1", &town.callers[&1].fingerprint);
    again.remote_ice.pwd = town::PASSWORD.to_owned();
    again.remote_ice.ufrag = "peer2".to_owned();
    town.command(Command::UpdatePeer {
        token: Some(5),
        peer: 1,
        session: Box::new(again),
    });
    assert_eq!(town.result(5), None);
    let packet = town.voice(1, b"meanwhile");
    town.give_from(1, packet);
    assert_eq!(town.heard(2, AUDIO_SLOT_SSRC), [b"meanwhile"]);
    let old_name = town.callers.get_mut(&1).unwrap().check();
    town.give_from(1, old_name);
    assert_eq!(town.refused("unknown_ufrag"), 1);
    let taken = town.add(
        ROOM,
        3,
        session("new1", &town.callers[&1].fingerprint.clone()),
    );
    assert_eq!(taken.as_deref(), Some("ufrag_taken"));
    let free = town.add(
        ROOM,
        3,
        session("srv1", &town.callers[&1].fingerprint.clone()),
    );
    assert_eq!(free, None, "the old name is free again");
}

#[test]
fn a_check_of_a_stranger_is_counted_and_costs_nothing_more() {
    let mut town = two();
    let mut stranger = Caller::new(town.now, path(40_000), "nobody");
    let check = stranger.check();
    town.give(path(40_000), check);
    assert_eq!(town.refused("unknown_ufrag"), 1);
    town.give(path(40_000), vec![0x80; 50]);
    assert_eq!(town.refused("unknown_peer"), 1);
    town.give(path(40_000), vec![0xFF; 50]);
    town.give(path(40_000), Vec::new());
    assert_eq!(town.refused("unknown_protocol"), 2);
}

#[test]
fn records_that_anybody_can_make_do_not_end_a_call() {
    let mut town = two();
    // Type, version 1.2, epoch and sequence, length, body: what somebody sends who knows both addresses and no key.
    let record = |kind: u8, epoch: u8, body: &[u8]| {
        let header = [kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 99, 0];
        [&header[..], &[u8::try_from(body.len()).unwrap()], body].concat()
    };
    let client_hello = [&[1, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 40][..], &[0xfe; 40]].concat();
    let forged = [
        record(21, 0, &[1, 0]),
        record(21, 0, &[2, 40]),
        record(21, 1, &[1, 0]),
        record(21, 1, &[7; 40]),
        record(22, 0, &client_hello),
        record(22, 1, &[1; 60]),
        record(20, 0, &[1]),
        record(23, 1, &[3; 50]),
        record(22, 0, &[20, 0, 0, 12, 0, 9, 0, 0, 0, 0, 0, 12]),
        vec![22, 0xfe, 0xfd],
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1],
        vec![63; 400],
    ];
    for datagram in &forged {
        for _ in 0..200 {
            town.give_from(1, datagram.clone());
        }
        let packet = town.frame(1, 2, true, b"goes on");
        town.give_from(1, packet);
        assert_eq!(town.heard(2, VIDEO_SLOT_SSRC).len(), 1, "{datagram:?}");
    }
    assert!(
        !town
            .events
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }))
    );
    // The real one is still heard.
    town.command(Command::RemovePeer {
        token: None,
        peer: 2,
    });
    assert!(town.callers[&2].closed);
}
