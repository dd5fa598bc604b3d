// SPDX-License-Identifier: Apache-2.0
//! All eight bits of a PrivateMapKey, on the packet path.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use rig::{Packet, Rig, session, vp8};
use room::{JoinError, PeerKey, Refusal, RoomEvent};
use transport::session::{Rights, Track};

/// A key frame on each of the publisher's tracks, and a voice.
fn send_all(rig: &mut Rig, id: room::ParticipantId, sequence: u64) -> [Result<(), Refusal>; 3] {
    let picture = vp8(true, 0, sequence as u16, 0, b"picture");
    let audio = rig.send(id, &Packet::audio(sequence, 20, b"voice"));
    let main = rig.send(id, &Packet::video(0, sequence, 0, &picture));
    let screen = rig.send(
        id,
        &Packet {
            send: 2,
            ssrc: 2_000,
            ..Packet::video(0, sequence, 0, &picture)
        },
    );
    [audio, main, screen]
}

/// How much of audio, main and screen a peer got since the last call.
fn received(rig: &mut Rig, peer: u64) -> [usize; 3] {
    let sent = rig.take_sent(peer);
    [2, 0, 1].map(|slot| sent.iter().filter(|packet| packet.slot == slot).count())
}

#[test]
fn each_right_to_send_opens_its_track_and_no_other() {
    let table = [
        (Rights::SEND_AUDIO, 0, Refusal::NoRightSendAudio),
        (Rights::SEND_VIDEO, 1, Refusal::NoRightSendVideo),
        (Rights::SEND_SCREEN, 2, Refusal::NoRightSendScreen),
    ];
    for (right, place, refusal) in table {
        for granted in [true, false] {
            let mut rig = Rig::new(false);
            let mut publisher = session(0, 0);
            publisher.rights = if granted {
                Rights::CREATE.with(Rights::ENTER).with(right)
            } else {
                Rights::ALL.without(right)
            };
            let from = rig.join(1, &publisher);
            let to = rig.join(2, &session(2, 1));
            rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
            rig.bind(to, 1, 1, Some((1, Track::Screen, 0)));
            let results = send_all(&mut rig, from, 1);
            let expected = [0, 1, 2].map(|track| usize::from((track == place) == granted));
            assert_eq!(received(&mut rig, 2), expected, "{right:?} {granted}");
            assert_eq!(results.map(|result| usize::from(result.is_ok())), expected);
            assert_eq!(rig.refused(refusal), u64::from(!granted));
        }
    }
}

#[test]
fn each_right_to_receive_opens_its_kind_and_no_other() {
    let table = [
        (Rights::RECEIVE_AUDIO, 0, Refusal::NoRightReceiveAudio),
        (Rights::RECEIVE_VIDEO, 1, Refusal::NoRightReceiveVideo),
        (Rights::RECEIVE_SCREEN, 2, Refusal::NoRightReceiveScreen),
    ];
    for (right, place, refusal) in table {
        for granted in [true, false] {
            let mut rig = Rig::new(false);
            let from = rig.join(1, &session(0, 0));
            let mut subscriber = session(2, 1);
            subscriber.rights = if granted {
                Rights::ENTER.with(right)
            } else {
                Rights::ALL.without(right)
            };
            let to = rig.join(2, &subscriber);
            rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
            rig.bind(to, 1, 1, Some((1, Track::Screen, 0)));
            let _ = send_all(&mut rig, from, 1);
            let expected = [0, 1, 2].map(|track| usize::from((track == place) == granted));
            assert_eq!(received(&mut rig, 2), expected, "{right:?} {granted}");
            assert_eq!(rig.refused(refusal), u64::from(!granted));
        }
    }
}

#[test]
fn the_first_to_come_needs_the_right_to_create_and_everybody_the_right_to_enter() {
    let mut room = room::Room::new(1, false);
    let mut join = |peer: u32, rights: Rights| {
        let mut wanted = session(1, 1);
        wanted.rights = rights;
        room.join(PeerKey(peer), peer.into(), &wanted).map(|_| ())
    };
    assert_eq!(
        join(1, Rights::ALL.without(Rights::CREATE)),
        Err(JoinError::NoRightToCreate)
    );
    assert_eq!(
        join(1, Rights::ALL.without(Rights::ENTER)),
        Err(JoinError::NoRightToEnter)
    );
    assert_eq!(join(1, Rights::ALL), Ok(()));
    assert_eq!(join(2, Rights::ALL.without(Rights::CREATE)), Ok(()));
    assert_eq!(
        join(3, Rights::ALL.without(Rights::ENTER)),
        Err(JoinError::NoRightToEnter)
    );
    assert_eq!(join(2, Rights::ALL), Err(JoinError::PeerExists));
}

#[test]
fn rights_that_change_hold_from_the_next_packet_on() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(2, 1));
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    rig.bind(to, 1, 1, Some((1, Track::Screen, 0)));
    let _ = send_all(&mut rig, from, 1);
    assert_eq!(received(&mut rig, 2), [1, 1, 1]);
    rig.room
        .set_rights(from, Rights::ALL.without(Rights::ENTER));
    let _ = send_all(&mut rig, from, 2);
    assert_eq!(received(&mut rig, 2), [0, 0, 0]);
    assert_eq!(rig.refused(Refusal::NoRightEnter), 3);
    rig.room.set_rights(from, Rights::ALL);
    rig.room.set_rights(to, Rights::ALL.without(Rights::ENTER));
    let _ = send_all(&mut rig, from, 3);
    assert_eq!(received(&mut rig, 2), [0, 0, 0]);
    rig.room.set_rights(to, Rights::ALL);
    let _ = send_all(&mut rig, from, 4);
    assert_eq!(received(&mut rig, 2), [1, 1, 1]);
}

#[test]
fn a_right_that_comes_back_begins_with_a_key_frame() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(1, 0));
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    let [key, delta] = [0, 1].map(|tag| vp8(true, tag, 1, 1, b"p"));
    rig.send(from, &Packet::video(0, 1, 0, &key)).unwrap();
    rig.room
        .set_rights(to, Rights::ALL.without(Rights::RECEIVE_VIDEO));
    rig.send(from, &Packet::video(0, 2, 0, &delta)).unwrap();
    rig.room.set_rights(to, Rights::ALL);
    rig.send(from, &Packet::video(0, 3, 0, &delta)).unwrap();
    assert_eq!(rig.take_sent(2).len(), 1);
    assert_eq!(rig.requests(1, 0), [0]);
    rig.send(from, &Packet::video(0, 4, 0, &key)).unwrap();
    assert_eq!(rig.take_sent(2).len(), 1);
}

#[test]
fn nobody_asks_a_publisher_who_may_not_answer() {
    for muted in [true, false] {
        let mut rig = Rig::new(false);
        let from = rig.join(1, &session(0, 0));
        let to = rig.join(2, &session(1, 0));
        rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
        rig.send(from, &Packet::video(0, 1, 0, &vp8(true, 0, 1, 1, b"p")))
            .unwrap();
        if muted {
            rig.room.set_muted(from, Track::Main, true);
        } else {
            rig.room
                .set_rights(from, Rights::ALL.without(Rights::SEND_VIDEO));
        }
        rig.room.request_key_frame(to, 0);
        rig.flush();
        rig.pass(2_000);
        assert_eq!(rig.requests(1, 0), [0_u64; 0]);
    }
}

#[test]
fn who_may_not_hear_is_not_told_who_speaks() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let mut deaf = session(0, 1);
    deaf.rights = Rights::ALL.without(Rights::RECEIVE_AUDIO);
    let to = rig.join(2, &deaf);
    rig.send(from, &Packet::audio(1, 20, b"voice")).unwrap();
    let tells = |event: &RoomEvent| matches!(event, RoomEvent::AudioSlots { .. });
    assert!(!rig.events().iter().any(tells));
    rig.room.set_rights(to, Rights::ALL);
    assert!(rig.events().iter().any(tells));
}

#[test]
fn a_muted_track_stops_and_goes_on_with_a_key_frame_and_without_a_hole() {
    let mut rig = Rig::new(false);
    let from = rig.join(1, &session(0, 0));
    let to = rig.join(2, &session(1, 1));
    rig.bind(to, 0, 1, Some((1, Track::Main, 0)));
    let key = vp8(true, 0, 1, 1, b"k");
    let delta = vp8(true, 1, 2, 1, b"d");
    rig.send(from, &Packet::video(0, 1, 0, &key)).unwrap();
    rig.room.set_muted(from, Track::Main, true);
    assert_eq!(
        rig.send(from, &Packet::video(0, 2, 3_000, &delta)),
        Err(Refusal::Muted)
    );
    rig.room.set_muted(from, Track::Main, false);
    rig.pass(100);
    rig.send(from, &Packet::video(0, 300, 9_000, &delta))
        .unwrap();
    assert_eq!(rig.requests(1, 0).len(), 1, "somebody waits for a picture");
    rig.send(from, &Packet::video(0, 301, 12_000, &key))
        .unwrap();
    let numbers: Vec<u64> = rig.sent(2).iter().map(|packet| packet.sequence).collect();
    assert_eq!(numbers, [numbers[0], numbers[0] + 1]);
}
