// SPDX-License-Identifier: Apache-2.0
//! What is measured of peers, where the virtual network says what was so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod network;
mod town;

use std::time::Duration;

use netsim::Link;
use network::{CAMERA, TICKS, VOICE, World};
use shard::{Command, Event, PeerMeasures, RoomMeasures, RoundTripBy, Shown, SizeClass, UpLayer};
use town::{ROOM, VIDEO_SLOT_SSRC};
use transport::session::{Kind, Track};

/// The peer that is looked at, and the one that it is shown to.
const PEER: u64 = 3;
const SUBSCRIBER: u64 = 2;

fn measures(world: &mut World) -> Vec<RoomMeasures> {
    world.events.clear();
    world.command(Command::AllMeasures { token: 77 });
    let answer = world.events.drain(..).find_map(|event| match event {
        Event::Measures { token: 77, rooms } => Some(rooms),
        _ => None,
    });
    answer.unwrap()
}

fn of(world: &mut World, peer: u64) -> PeerMeasures {
    let [room] = <[RoomMeasures; 1]>::try_from(measures(world)).unwrap();
    let found = room.peers.into_iter().find(|one| one.peer == peer);
    found.unwrap()
}

fn layer(measures: &PeerMeasures, track: Track) -> &UpLayer {
    let track = measures.up.iter().find(|one| one.track == track).unwrap();
    assert_eq!(track.layers.len(), 1);
    &track.layers[0]
}

/// Lets all connect on a good network, then talk for 5 s on one that is `up` from the peer and `down` to its subscriber.
fn run(seed: u64, up: Link, down: Link) -> World {
    let mut world = World::new(seed, Link::default());
    (0..20).for_each(|number| world.tick(number));
    world.media.clear();
    let (peer, subscriber) = (
        world.members[&PEER].caller.path,
        world.members[&SUBSCRIBER].caller.path,
    );
    world.network.set_link(peer.remote, peer.local, up);
    world
        .network
        .set_link(subscriber.local, subscriber.remote, down);
    (20..20 + TICKS).for_each(|number| world.tick(number));
    world
}

/// Packets of a stream of the peer that were sent and lost on the bad network.
fn sent_and_lost(world: &World, ssrc: u32) -> (u64, u64) {
    let path = world.members[&PEER].caller.path;
    world.media[&(path.remote, path.local, ssrc)]
}

#[test]
fn what_the_network_took_from_a_publisher_is_told_before_and_after_repair() {
    let lossy = Link {
        loss: 80,
        jitter: Duration::from_millis(15),
        ..Link::default()
    };
    for seed in [5, 6, 7] {
        let mut world = run(seed, lossy, Link::default());
        let measured = of(&mut world, PEER);
        let camera = layer(&measured, Track::Main);
        let (sent, lost) = sent_and_lost(&world, CAMERA);
        assert!(
            sent >= 2 * TICKS && lost * 1_000 / sent > 50,
            "{lost} of {sent}"
        );
        // The last packets are still on their way, and what was lost behind the newest nobody knows yet.
        let missing = camera.lost + camera.repaired;
        assert!(
            missing.abs_diff(lost) <= 3,
            "{missing}, not {lost} were lost"
        );
        assert!(
            camera.lost <= 8,
            "{} of {lost} were not repaired",
            camera.lost
        );
        assert!(camera.repaired * 10 >= lost * 8, "{camera:?}");
        let voice = layer(&measured, Track::Audio);
        let (_, lost) = sent_and_lost(&world, VOICE);
        assert_eq!(voice.repaired, 0, "sound is not asked for again");
        assert!(voice.lost.abs_diff(lost) <= 2, "{} not {lost}", voice.lost);
        assert_eq!(voice.packets, voice.expected - voice.lost);
    }
}

#[test]
fn a_good_network_takes_nothing_and_delays_nothing() {
    let mut world = run(5, Link::default(), Link::default());
    for peer in measures(&mut world).remove(0).peers {
        for track in [Track::Main, Track::Audio] {
            let layer = layer(&peer, track);
            assert_eq!((layer.lost, layer.repaired), (0, 0));
            assert_eq!(layer.packets, layer.expected);
        }
        // The RTP clock ticks in whole units.
        assert!(layer(&peer, Track::Audio).jitter_us < 100);
    }
}

#[test]
fn jitter_is_that_of_rfc_3550() {
    let jumpy = Link {
        jitter: Duration::from_millis(18),
        ..Link::default()
    };
    let mut world = run(5, jumpy, Link::default());
    let measured = of(&mut world, PEER);
    // Two evenly distributed delays differ by a third of their range on average; the estimate follows 1/16 of each.
    let jitter = layer(&measured, Track::Audio).jitter_us;
    assert!((3_500..8_500).contains(&jitter), "{jitter} us");
}

#[test]
fn the_round_trip_time_is_that_of_the_network_whoever_measures_it() {
    let slow = Link {
        delay: Duration::from_millis(40),
        ..Link::default()
    };
    let mut world = World::new(5, slow);
    (0..TICKS).for_each(|number| world.tick(number));
    let measured = of(&mut world, PEER).round_trip.unwrap();
    assert_eq!(measured.source, RoundTripBy::Rtcp);
    assert!(measured.us.abs_diff(80_000) < 1_000, "{} us", measured.us);
    // Nothing is shown to anybody: nobody reports.
    let nothing = (1..=network::MEMBERS).map(|peer| (peer, vec![town::empty_slot(1, 2)]));
    for (peer, bindings) in nothing {
        world.command(Command::Bind {
            token: None,
            peer,
            bindings,
        });
    }
    world
        .members
        .values_mut()
        .for_each(|member| member.is_silent = true);
    (0..6 * 50).for_each(|number| world.tick(number));
    let measured = of(&mut world, PEER).round_trip.unwrap();
    assert_eq!(measured.source, RoundTripBy::Stun);
    assert!(measured.us.abs_diff(80_000) < 1_000, "{} us", measured.us);
}

#[test]
fn what_a_subscriber_reports_is_told_of_the_slot() {
    let lossy = Link {
        loss: 80,
        ..Link::default()
    };
    let mut world = run(5, Link::default(), lossy);
    let measured = of(&mut world, SUBSCRIBER);
    let [voice, camera] = <[_; 2]>::try_from(measured.down).unwrap();
    assert_eq!((voice.slot, voice.kind), (0, Kind::Audio));
    assert_eq!((camera.slot, camera.kind), (1, Kind::Video));
    let member = &world.members[&SUBSCRIBER];
    let reported = camera.reported.unwrap();
    assert!(reported.lost > 20, "{reported:?}");
    assert_eq!(reported.lost, member.reception.reported);
    assert_eq!((reported.fraction_lost, reported.jitter_us), (12, 2_000));
    let path = member.caller.path;
    let (sent, lost) = world.media[&(path.local, path.remote, VIDEO_SLOT_SSRC)];
    assert!(
        reported.lost.unsigned_abs().abs_diff(lost as u32) < 15,
        "of the last half second: {lost}"
    );
    // Those of before the network became bad are counted, too.
    assert!(
        camera.packets >= sent && camera.packets < sent + 60,
        "{} {sent}",
        camera.packets
    );
    assert_eq!(camera.payload_bytes, camera.packets * (2 + 8 + 900));
    assert_eq!(camera.nacked, member.reception.nacked);
    assert!(
        camera.resent > lost / 2 && camera.resent <= camera.nacked,
        "{camera:?}"
    );
    let source = Shown {
        peer: PEER,
        track: Track::Main,
        layer: 0,
        size: Some(SizeClass::Unknown),
    };
    assert_eq!(camera.source, Some(source), "these pictures name no size");
}

#[test]
fn time_in_the_room_and_with_video_is_metered_up_to_the_moment_of_leaving() {
    let mut world = run(5, Link::default(), Link::default());
    let before = of(&mut world, SUBSCRIBER).usage;
    let [video] = <[_; 1]>::try_from(before.video_ms.into_iter().collect::<Vec<_>>()).unwrap();
    let passed = (world.now - world.start).as_millis() as u64;
    assert!(
        before.audio_ms <= passed && before.audio_ms + 400 > passed,
        "{} of {passed}",
        before.audio_ms
    );
    assert!(
        video.1 <= before.audio_ms && video.1 + 1_200 > before.audio_ms,
        "{video:?}"
    );
    world.now += Duration::from_millis(1_234);
    world.command(Command::RemovePeer {
        token: Some(5),
        peer: SUBSCRIBER,
    });
    let place =
        |world: &World, wanted: fn(&Event) -> bool| world.events.iter().position(wanted).unwrap();
    let left = place(&world, |event| matches!(event, Event::Left { .. }));
    assert!(
        left < place(&world, |event| matches!(
            event,
            Event::Result { token: 5, .. }
        ))
    );
    let Event::Left {
        room: ROOM,
        measures,
    } = &world.events[left]
    else {
        panic!("{:?}", world.events);
    };
    assert_eq!(measures.peer, SUBSCRIBER);
    assert_eq!(measures.usage.audio_ms, before.audio_ms + 1_234);
    assert_eq!(measures.usage.video_ms[&video.0], video.1 + 1_234);
}
