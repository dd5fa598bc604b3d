// SPDX-License-Identifier: Apache-2.0
//! The words across the Python boundary, and what each command answers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod town;

use std::time::Duration;

use serde_json::{Map, Value, json};
use shard::{
    AudioSlot, Command, Event, Failure, Limits, PeerMeasures, RoomMeasures, SlotBinding,
    SlotSource, Usage,
};
use town::{ROOM, Town, session};
use transport::session::{DtlsVersion, Rights, Track};

fn fingerprint() -> String {
    vec!["AB"; 32].join(":")
}

#[test]
fn commands_are_json_objects_with_a_type() {
    let source = Some(SlotSource {
        peer: 4,
        track: Track::Screen,
        layer: 2,
    });
    let bindings = vec![
        SlotBinding {
            slot: 1,
            generation: 3,
            source,
        },
        SlotBinding {
            slot: 2,
            generation: 3,
            source: None,
        },
    ];
    let table = [
        (
            json!({"type": "add_room", "token": null, "room": 1, "sealing_required": true}),
            Command::AddRoom {
                token: None,
                room: 1,
                sealing_required: true,
            },
        ),
        (
            json!({"type": "close_room", "token": 2, "room": 1}),
            Command::CloseRoom {
                token: Some(2),
                room: 1,
            },
        ),
        (
            json!({"type": "remove_peer", "token": null, "peer": 1}),
            Command::RemovePeer {
                token: None,
                peer: 1,
            },
        ),
        (
            json!({"type": "bind", "token": null, "peer": 1, "bindings": [
                {"slot": 1, "generation": 3, "source": {"peer": 4, "track": "screen", "layer": 2}},
                {"slot": 2, "generation": 3, "source": null},
            ]}),
            Command::Bind {
                token: None,
                peer: 1,
                bindings,
            },
        ),
        (
            json!({"type": "set_rights", "token": null, "peer": 1, "rights": 42}),
            Command::SetRights {
                token: None,
                peer: 1,
                rights: Rights(42),
            },
        ),
        (
            json!({"type": "set_muted", "token": null, "peer": 1, "track": "audio", "muted": true}),
            Command::SetMuted {
                token: None,
                peer: 1,
                track: Track::Audio,
                muted: true,
            },
        ),
        (
            json!({"type": "request_key_frame", "token": null, "peer": 1, "slot": 6}),
            Command::RequestKeyFrame {
                token: None,
                peer: 1,
                slot: 6,
            },
        ),
        (
            json!({"type": "stats", "token": 8}),
            Command::Stats { token: 8 },
        ),
        (
            json!({"type": "record", "token": 9, "room": 1}),
            Command::Record { token: 9, room: 1 },
        ),
        (
            json!({"type": "measures", "token": 6, "room": 1}),
            Command::Measures { token: 6, room: 1 },
        ),
        (
            json!({"type": "all_measures", "token": 7}),
            Command::AllMeasures { token: 7 },
        ),
    ];
    for (described, command) in table {
        let value = named(described);
        assert_eq!(serde_json::to_value(&command).unwrap(), value);
        assert_eq!(
            serde_json::from_value::<Command>(value.clone()).unwrap(),
            command
        );
        let mut without_token = value.clone();
        let removed = fields_of(&mut without_token).remove("token");
        if removed == Some(Value::Null) {
            assert_eq!(
                serde_json::from_value::<Command>(without_token).unwrap(),
                command
            );
        }
        let mut unknown = value;
        fields_of(&mut unknown).insert("more".to_owned(), json!(1));
        assert!(serde_json::from_value::<Command>(unknown).is_err());
    }
}

/// A command as it crosses: its fields under its name.
fn named(mut described: Value) -> Value {
    let fields = described.as_object_mut().unwrap();
    let name = fields.remove("type").unwrap();
    json!({ name.as_str().unwrap(): described })
}

fn fields_of(value: &mut Value) -> &mut Map<String, Value> {
    let members = value.as_object_mut().unwrap();
    members
        .values_mut()
        .next()
        .unwrap()
        .as_object_mut()
        .unwrap()
}

#[test]
fn a_session_crosses_as_json() {
    let command = Command::AddPeer {
        token: 1,
        room: 2,
        peer: 3,
        session: Box::new(session("srv0", &fingerprint())),
    };
    let text = serde_json::to_string(&command).unwrap();
    assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
    let update = text
        .replace("add_peer", "update_peer")
        .replace("\"room\":2,", "");
    assert!(matches!(
        serde_json::from_str(&update).unwrap(),
        Command::UpdatePeer {
            token: Some(1),
            peer: 3,
            ..
        }
    ));
}

#[test]
fn events_are_json_objects_with_a_type() {
    let failure = Failure {
        code: "unknown_room".to_owned(),
        message: "..".to_owned(),
    };
    let table = [
        (
            json!({"type": "result", "token": 1, "error": null}),
            Event::Result {
                token: 1,
                error: None,
            },
        ),
        (
            json!({"type": "result", "token": 1, "error": {"code": "unknown_room", "message": ".."}}),
            Event::Result {
                token: 1,
                error: Some(failure),
            },
        ),
        (
            json!({"type": "connected", "peer": 1, "profile": "x", "dtls": "1.2"}),
            Event::Connected {
                peer: 1,
                profile: "x".to_owned(),
                dtls: DtlsVersion::V12,
            },
        ),
        (
            json!({"type": "closed", "peer": 1, "reason": "consent_lost"}),
            Event::Closed {
                peer: 1,
                reason: "consent_lost".to_owned(),
            },
        ),
        (
            json!({"type": "track_active", "peer": 1, "track": "main", "layers": [0, 2]}),
            Event::TrackActive {
                peer: 1,
                track: Track::Main,
                layers: vec![0, 2],
            },
        ),
        (
            json!({"type": "audio_slots", "peer": 1, "slots": [{"slot": 0, "source": 2}, {"slot": 1, "source": null}]}),
            Event::AudioSlots {
                peer: 1,
                slots: vec![
                    AudioSlot {
                        slot: 0,
                        source: Some(2),
                    },
                    AudioSlot {
                        slot: 1,
                        source: None,
                    },
                ],
            },
        ),
        (
            json!({"type": "bound", "peer": 1, "slot": 2, "generation": 3}),
            Event::Bound {
                peer: 1,
                slot: 2,
                generation: 3,
            },
        ),
        (
            json!({"type": "bind_refused", "peer": 1, "slot": 2, "generation": 3, "reason": "old_generation"}),
            Event::BindRefused {
                peer: 1,
                slot: 2,
                generation: 3,
                reason: "old_generation".to_owned(),
            },
        ),
        (
            json!({"type": "measures", "token": 6, "rooms": [{"room": 1, "peers": []}]}),
            Event::Measures {
                token: 6,
                rooms: vec![RoomMeasures {
                    room: 1,
                    peers: vec![],
                }],
            },
        ),
        (
            json!({"type": "left", "room": 1, "measures": {
                "peer": 2, "round_trip": null, "up": [], "down": [], "usage": {"audio_ms": 0, "video_ms": {}},
            }}),
            Event::Left {
                room: 1,
                measures: Box::new(PeerMeasures {
                    peer: 2,
                    round_trip: None,
                    up: vec![],
                    down: vec![],
                    usage: Usage::default(),
                }),
            },
        ),
        (
            json!({"type": "shard_failed", "shard": 1}),
            Event::ShardFailed { shard: 1 },
        ),
    ];
    for (value, event) in table {
        assert_eq!(serde_json::to_value(&event).unwrap(), value);
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
    }
}

#[test]
fn every_failure_has_its_code() {
    let mut town = Town::with_limits(Limits {
        max_peers: 2,
        max_rooms: 2,
    });
    let print = fingerprint();
    let ask = |town: &mut Town, command: Command| {
        town.command(command);
        town.result(77).unwrap_or_default()
    };
    let room = |room| Command::AddRoom {
        token: Some(77),
        room,
        sealing_required: false,
    };
    assert_eq!(ask(&mut town, room(ROOM)), "room_exists");
    assert_eq!(ask(&mut town, room(8)), "");
    assert_eq!(ask(&mut town, room(9)), "too_many_rooms");
    assert_eq!(
        ask(
            &mut town,
            Command::CloseRoom {
                token: Some(77),
                room: 9
            }
        ),
        "unknown_room"
    );
    let mut without_create = session("aaaa", &print);
    without_create.rights = Rights::ENTER;
    let mut without_enter = session("aaaa", &print);
    without_enter.rights = Rights::CREATE;
    let table = [
        (9, 1, session("aaaa", &print), Some("unknown_room")),
        (ROOM, 1, session("aaaa", "AB:CD"), Some("bad_session")),
        (ROOM, 1, without_create, Some("no_right_to_create_room")),
        (ROOM, 1, without_enter, Some("no_right_to_enter")),
        (ROOM, 1, session("aaaa", &print), None),
        (ROOM, 1, session("bbbb", &print), Some("peer_exists")),
        (ROOM, 2, session("aaaa", &print), Some("ufrag_taken")),
        (8, 2, session("bbbb", &print), None),
        (8, 3, session("cccc", &print), Some("too_many_peers")),
    ];
    for (room, peer, session, code) in table {
        assert_eq!(town.add(room, peer, session).as_deref(), code, "{code:?}");
    }
    let update = |peer, session| Command::UpdatePeer {
        token: Some(77),
        peer,
        session: Box::new(session),
    };
    assert_eq!(
        ask(&mut town, update(5, session("dddd", &print))),
        "unknown_peer"
    );
    assert_eq!(
        ask(&mut town, update(2, session("aaaa", &print))),
        "ufrag_taken"
    );
    let mut fewer = session("bbbb", &print);
    fewer.slots.pop();
    assert_eq!(ask(&mut town, update(2, fewer)), "bad_session");
    let many = vec![
        SlotBinding {
            slot: 1,
            generation: 1,
            source: None
        };
        65
    ];
    assert_eq!(
        ask(
            &mut town,
            Command::Bind {
                token: Some(77),
                peer: 1,
                bindings: many
            }
        ),
        "too_many_bindings"
    );
    assert_eq!(
        ask(
            &mut town,
            Command::RemovePeer {
                token: Some(77),
                peer: 5
            }
        ),
        "unknown_peer"
    );
    town.command(Command::RequestKeyFrame {
        token: None,
        peer: 5,
        slot: 0,
    });
    assert_eq!(
        town.stats().commands_failed,
        1,
        "nobody asked for the answer"
    );
}

#[test]
fn a_closed_room_takes_its_peers_along_and_its_counters_stay() {
    let mut town = Town::new();
    town.join(1);
    let packet = town.voice(1, b"hello");
    town.give_from(1, packet);
    town.command(Command::CloseRoom {
        token: Some(3),
        room: ROOM,
    });
    assert_eq!(town.result(3), None);
    assert!(town.callers[&1].closed);
    let stats = town.stats();
    assert_eq!((stats.peers, stats.rooms, stats.accepted), (0, 0, 1));
    assert_eq!(
        town.add(ROOM, 1, session("srv1", &fingerprint()))
            .as_deref(),
        Some("unknown_room")
    );
}

#[test]
fn a_rooms_record_counts_what_came_and_is_answered_once() {
    let mut town = Town::new();
    town.join(1);
    let voice = town.voice(1, b"hello");
    town.give_from(1, voice);
    town.command(Command::Record {
        token: 5,
        room: ROOM,
    });
    let record = town.record(5).expect("the room's");
    assert_eq!((record.accepted, record.forwarded), (1, 0));
    let (track, layer) = (&record.tracks[0], &record.tracks[0].layers[0]);
    assert_eq!((track.peer, track.track), (1, Track::Audio));
    assert_eq!(
        (&*layer.codec, layer.packets, layer.payload_bytes),
        ("opus", 1, 5)
    );
    assert_eq!((layer.key_frame_age_ms, layer.seal), (None, None));
    town.command(Command::Record { token: 6, room: 99 });
    assert_eq!(town.result(6).as_deref(), Some("unknown_room"));
}

/// Measures of rooms, by the command's token.
fn measured(town: &mut Town, token: u64) -> Vec<RoomMeasures> {
    let is_it = |event: &Event| matches!(event, Event::Measures { token: t, .. } if *t == token);
    let place = town.events.iter().position(is_it).unwrap();
    match town.events.remove(place) {
        Event::Measures { rooms, .. } => rooms,
        _ => vec![],
    }
}

#[test]
fn measures_are_of_one_room_or_of_all() {
    let mut town = Town::new();
    (1..=2).for_each(|peer| town.join(peer));
    town.command(Command::AddRoom {
        token: None,
        room: 8,
        sealing_required: false,
    });
    let voice = town.voice(1, b"hello");
    town.give_from(1, voice);
    town.pass(Duration::from_millis(1_500));
    town.command(Command::Measures {
        token: 5,
        room: ROOM,
    });
    let [room] = <[_; 1]>::try_from(measured(&mut town, 5)).unwrap();
    let peers: Vec<u64> = room.peers.iter().map(|peer| peer.peer).collect();
    assert_eq!((room.room, peers), (ROOM, vec![1, 2]));
    let [first, second] = <[_; 2]>::try_from(room.peers.clone()).unwrap();
    assert_eq!(
        (first.up.len(), first.down.len()),
        (1, 0),
        "what never came is left out"
    );
    assert_eq!(
        (first.up[0].loudness, first.up[0].layers[0].expected),
        (Some(20), 1)
    );
    assert_eq!((second.up.len(), second.down[0].packets), (0, 1));
    assert_eq!(second.usage.audio_ms, 1_500);
    town.command(Command::AllMeasures { token: 6 });
    let empty = RoomMeasures {
        room: 8,
        peers: vec![],
    };
    assert_eq!(measured(&mut town, 6), [room, empty]);
    town.command(Command::Measures { token: 7, room: 99 });
    assert_eq!(town.result(7).as_deref(), Some("unknown_room"));
}

#[test]
fn whatever_ends_a_peer_its_last_measures_are_told_once_and_first() {
    let mut town = Town::new();
    (1..=4).for_each(|peer| town.join(peer));
    let voice = town.voice(1, b"hello");
    town.give_from(1, voice);
    town.events.clear();
    town.callers.get_mut(&1).unwrap().path = town::path(20_000);
    town.pass(Duration::from_secs(60));
    town.command(Command::RemovePeer {
        token: Some(1),
        peer: 2,
    });
    town.command(Command::CloseRoom {
        token: Some(2),
        room: ROOM,
    });
    let told: Vec<_> = town
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Left { room, measures } => {
                Some(("left", *room, measures.peer, measures.up.len()))
            }
            Event::Closed { peer, .. } => Some(("closed", 0, *peer, 0)),
            Event::Result { token, .. } => Some(("done", 0, *token, 0)),
            _ => None,
        })
        .collect();
    let expected = [
        ("left", ROOM, 1, 1),
        ("closed", 0, 1, 0),
        ("left", ROOM, 2, 0),
        ("done", 0, 1, 0),
        ("left", ROOM, 3, 0),
        ("left", ROOM, 4, 0),
        ("done", 0, 2, 0),
    ];
    assert_eq!(told, expected);
}

#[test]
fn telemetry_that_nobody_collects_is_bounded_and_results_are_kept() {
    let mut town = Town::new();
    assert_eq!(town.add(ROOM, 1, session("aaaa", &fingerprint())), None);
    let mut wire = town::Wire::default();
    for generation in 0..20_000 {
        let bindings = vec![SlotBinding {
            slot: 1,
            generation,
            source: None,
        }];
        town.shard.command(
            town.now,
            Command::Bind {
                token: Some(u64::from(generation)),
                peer: 1,
                bindings,
            },
            &mut wire,
        );
    }
    let mut events = Vec::new();
    town.shard.drain_events(&mut events);
    let results = events
        .iter()
        .filter(|event| matches!(event, Event::Result { .. }))
        .count();
    let bound = events
        .iter()
        .filter(|event| matches!(event, Event::Bound { .. }))
        .count();
    assert_eq!((results, bound), (20_000, 16_384));
    assert_eq!(town.stats().events_dropped, 20_000 - 16_384);
}
