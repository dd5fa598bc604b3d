// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{Browser, MS, World, path, session};
use crate::session::{Credentials, DtlsVersion, SessionError};
use crate::{CloseReason, DropReason, Egress, Input, PeerEvent, PeerTransport};

fn dropped(input: Input) -> Option<DropReason> {
    match input {
        Input::Dropped(reason) => Some(reason),
        _ => None,
    }
}

#[test]
fn dtls_1_2_ends_on_aes_256_gcm() {
    let mut world = World::new(DtlsVersion::V12);
    world.connect();
    let (profile, dtls) = (srtp::Profile::AeadAes256Gcm, DtlsVersion::V12);
    assert_eq!(
        world.events,
        [
            PeerEvent::PathChanged,
            PeerEvent::Connected { profile, dtls }
        ]
    );
    assert_eq!(world.browser.profile, Some(profile));
    assert!(world.peer.is_connected());
    assert_eq!(world.peer.drops().total(), 0);
}

#[test]
fn dtls_1_3_and_the_highest_of_both_work_too() {
    for version in [DtlsVersion::V13, DtlsVersion::Auto] {
        let mut world = World::new(version);
        world.connect();
        assert!(world.peer.is_connected());
        let thirteen = |event: &PeerEvent| {
            matches!(
                event,
                PeerEvent::Connected {
                    dtls: DtlsVersion::V13,
                    ..
                }
            )
        };
        assert!(world.events.iter().any(thirteen), "{:?}", world.events);
    }
}

#[test]
fn another_certificate_than_the_offer_named_closes_the_peer() {
    for version in [DtlsVersion::V12, DtlsVersion::V13] {
        let now = std::time::Instant::now();
        let (browser, other) = (Browser::new(now, version), Browser::new(now, version));
        let session = session(&other.fingerprint, version);
        let mut world = World::with(now, browser, session);
        world.connect();
        assert_eq!(
            world.events.last(),
            Some(&PeerEvent::Closed(CloseReason::FingerprintMismatch))
        );
        assert!(!world.peer.is_connected());
        assert_eq!(world.peer.deadline(), None);
        let check = world.browser.check(true);
        assert_eq!(
            dropped(world.give(path(1), check)),
            Some(DropReason::Closed)
        );
    }
}

#[test]
fn a_client_hello_from_an_address_without_a_check_changes_nothing() {
    let mut world = World::new(DtlsVersion::V12);
    let mut attacker = Browser::new(world.now, DtlsVersion::V12);
    attacker.start(world.now);
    let hello = attacker.drain().remove(0);
    let mut null_cipher = hello.clone();
    let last = null_cipher.len() - 20;
    null_cipher[last..].fill(0);
    for datagram in [hello, null_cipher, vec![22; 60], vec![20; 5]] {
        assert_eq!(
            dropped(world.give(path(66), datagram.clone())),
            Some(DropReason::DtlsUnvalidated)
        );
        let check = world.browser.check(true);
        world.give(path(1), check);
        assert_eq!(
            dropped(world.give(path(66), datagram)),
            Some(DropReason::DtlsUnvalidated)
        );
    }
    assert!(world.wire.0.iter().all(|(to, _)| *to == path(1)));
    world.connect();
    assert!(world.peer.is_connected());
    assert_eq!(world.drops(DropReason::DtlsUnvalidated), 8);
}

#[test]
fn before_the_path_is_proven_it_gets_at_most_three_times_what_it_sent_and_no_media() {
    let mut world = World::new(DtlsVersion::V12);
    world.browser.answers_checks = false;
    let (mut received, mut sent) = (0, 0);
    let check = world.browser.check(true);
    received += check.len();
    world.give(path(1), check);
    world.browser.start(world.now);
    for _ in 0..400 {
        for (_, datagram) in std::mem::take(&mut world.wire.0) {
            sent += datagram.len();
            world.browser.take(world.now, &datagram);
        }
        for datagram in world.browser.drain() {
            received += datagram.len();
            world.give(path(1), datagram);
        }
        assert!(sent <= 3 * received, "{sent} > 3 * {received}");
        world.now += 20 * MS;
        world.browser.run_timers(world.now);
        world.run_timers();
    }
    assert!(
        world.browser.sender.is_some(),
        "the handshake itself fits into what may be sent"
    );
    assert!(
        !world.peer.is_connected() && world.events.is_empty(),
        "but without a path nobody is told"
    );
    assert_eq!(world.browser.got.len(), 0);
    world.pass(Duration::from_secs(30));
    assert_eq!(
        world.events,
        [PeerEvent::Closed(CloseReason::HandshakeTimeout)]
    );
}

#[test]
fn a_first_flight_too_large_for_an_unproven_path_leaves_when_it_is_proven() {
    let mut world = World::new(DtlsVersion::V12);
    let check = world.browser.check(true);
    world.give(path(1), check.clone());
    let from_peer = std::mem::take(&mut world.wire.0);
    world.browser.start(world.now);
    let mut received = check.len();
    for hello in world.browser.drain() {
        received += hello.len();
        world.give(path(1), hello);
    }
    let early = from_peer
        .iter()
        .chain(&world.wire.0)
        .map(|(_, datagram)| datagram.len())
        .sum::<usize>();
    assert!(early <= 3 * received, "{early} of {received}");
    for (_, datagram) in from_peer {
        world.browser.take(world.now, &datagram);
    }
    world.settle(path(1));
    assert!(world.peer.is_connected(), "no time had to pass");
}

#[test]
fn lost_datagrams_delay_the_handshake_and_no_more() {
    let mut world = World::new(DtlsVersion::V12);
    let check = world.browser.check(true);
    world.give(path(1), check);
    world.settle(path(1));
    world.browser.start(world.now);
    // The first datagrams of each side never arrive: a hello, most of the first answer.
    let (mut lost_up, mut lost_down) = (0, 0);
    for _ in 0..300 {
        for datagram in world.browser.drain() {
            if lost_up < 2 {
                lost_up += 1;
            } else {
                world.give(path(1), datagram);
            }
        }
        for (_, datagram) in std::mem::take(&mut world.wire.0) {
            if lost_down < 3 {
                lost_down += 1;
            } else {
                world.browser.take(world.now, &datagram);
            }
        }
        world.now += 10 * MS;
        world.browser.run_timers(world.now);
        world.run_timers();
    }
    assert_eq!((lost_up, lost_down), (2, 3));
    assert!(world.peer.is_connected());
}

#[test]
fn a_peer_that_never_comes_is_given_up() {
    let mut world = World::new(DtlsVersion::V12);
    world.pass(Duration::from_secs(29));
    assert!(world.events.is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(
        world.events,
        [PeerEvent::Closed(CloseReason::HandshakeTimeout)]
    );
}

#[test]
fn without_answers_to_our_checks_everything_stops_after_thirty_seconds() {
    let mut world = World::connected();
    world.pass(Duration::from_secs(60));
    assert!(world.peer.is_connected());
    world.browser.answers_checks = false;
    world.pass(Duration::from_secs(20));
    assert!(world.peer.is_connected());
    world.pass(Duration::from_secs(11));
    assert_eq!(
        world.events.last(),
        Some(&PeerEvent::Closed(CloseReason::ConsentLost))
    );
    world.wire.0.clear();
    world.pass(Duration::from_secs(60));
    assert!(world.wire.0.is_empty());
}

#[test]
fn either_side_may_close() {
    let mut world = World::connected();
    world.browser.close(world.now);
    world.settle(path(1));
    assert_eq!(world.events, [PeerEvent::Closed(CloseReason::ClosedByPeer)]);

    let mut world = World::connected();
    let mut tx = Egress::new(&mut world.slab, &mut world.wire);
    world.peer.close(world.now, &mut tx);
    drop(tx);
    world.settle(path(1));
    assert!(world.browser.closed && !world.peer.is_connected());
    assert_eq!(
        (world.peer.deadline(), world.peer.poll_event()),
        (None, None)
    );
}

#[test]
fn an_ice_restart_moves_the_path_and_keeps_the_keys() {
    let mut world = World::connected();
    let mut session = world.session.clone();
    session.local_ice.ufrag = "srv1".into();
    assert_eq!(
        world.peer.update(world.now, &session),
        Err(SessionError::Changed("one half of the ICE credentials"))
    );
    session.remote_ice.ufrag = "brw1".into();
    world.peer.update(world.now, &session).unwrap();
    assert!(world.peer.is_connected());
    world.browser.ufrags = ("srv1", "brw1");
    world.path = path(9);
    let check = world.browser.check(true);
    world.give(path(9), check);
    world.settle(path(9));
    assert_eq!(world.events, [PeerEvent::PathChanged]);
    assert!(world.peer.is_connected() && world.peer.knows(&path(9)) && !world.peer.knows(&path(1)));
}

#[test]
fn an_update_adds_slots_and_changes_nothing_else() {
    let mut world = World::connected();
    let mut more = world.session.clone();
    let mut slot = more.slots[1].clone();
    (slot.mid, slot.ssrc, slot.rtx_ssrc) = ("9".into(), 9_000, None);
    more.slots.push(slot);
    assert_eq!(world.peer.update(world.now, &more), Ok(()));
    for change in [
        (|s| s.slots[0].ssrc = 1) as fn(&mut crate::Session),
        |s| s.slots.truncate(1),
        |s| s.sends[1].rids.truncate(2),
        |s| s.dtls = DtlsVersion::V13,
        |s| s.remote_fingerprint = ["00"; 32].join(":"),
        |s| {
            s.remote_ice = Credentials {
                ufrag: "brw7".into(),
                pwd: "x".repeat(22),
            }
        },
    ] {
        let mut changed = more.clone();
        change(&mut changed);
        assert!(matches!(
            world.peer.update(world.now, &changed),
            Err(SessionError::Changed(_))
        ));
    }
}

#[test]
fn nothing_of_the_session_is_printed() {
    let world = World::connected();
    assert_eq!(format!("{:?}", world.peer), "Peer { connected: true, .. }");
}
