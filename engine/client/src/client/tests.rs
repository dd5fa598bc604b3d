// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use sframe::{Codec, Refusal, RoomContext, RoomKind, Suite};

use super::*;

fn client(now: Instant) -> Client {
    let mut client = Client::new(now, ClientConfig::default()).unwrap();
    let context = RoomContext {
        suite: Suite::Aes256GcmSha512,
        app: 1,
        kind: RoomKind::String,
        room: "r".to_owned(),
        instance: [7; 16],
    };
    client.keys.set_room(context, 3);
    assert!(
        client
            .keys
            .add_secret(now, 1, 0, &[9; 64], false, Duration::ZERO)
    );
    client
}

#[test]
fn another_connection_goes_on_with_the_counters_and_offers_all_slots() {
    let now = Instant::now();
    let mut client = client(now);
    let seal = |client: &mut Client| {
        let sealed = client.keys.seal(now, Track::Audio, Codec::Opus, b"sound");
        sealed.unwrap().unwrap()
    };
    let mut seen = vec![seal(&mut client)];
    let first = client.offer();
    for _ in 0..3 {
        client.stats.frames_sent += 1;
        client.renew(now).unwrap();
        let sealed = seal(&mut client);
        assert!(!seen.contains(&sealed), "the same body with the same nonce");
        seen.push(sealed);
    }
    assert_eq!(client.stats().frames_sent, 3);
    let password = |offer: &str| {
        let line = offer.lines().find(|line| line.starts_with("a=ice-pwd"));
        line.map(str::to_owned)
    };
    assert_ne!(password(&client.offer()), password(&first));
    assert_eq!(client.offer().matches("a=recvonly").count(), 18);
    assert_eq!(client.slots.len(), 18);
}

#[test]
fn what_is_past_its_grace_is_erased_between_two_connections_too() {
    let begin = Instant::now();
    let mut client = client(begin);
    let mut after = |seconds: u64, epoch: u64| {
        let now = begin + Duration::from_secs(seconds);
        let bytes = [u8::try_from(epoch).unwrap(); 64];
        assert!(client.add_secret(now, (epoch, 0), &bytes, true, Duration::ZERO));
        client.keys.held().collect::<Vec<_>>()
    };
    // Nothing else is called meanwhile: the thread that sweeps ends with its connection. A removed member's epoch lives a second.
    assert_eq!(after(10, 2), [(1, 0), (2, 0)]);
    assert_eq!(after(12, 3), [(2, 0), (3, 0)]);
    assert_eq!(after(12, 4), [(2, 0), (3, 0), (4, 0)]);
    assert_eq!(after(14, 5), [(4, 0), (5, 0)]);
}

#[test]
fn slots_are_asked_for_once_the_offer_before_was_answered() {
    let mut client = client(Instant::now());
    assert!(matches!(
        client.add_slots(Instant::now(), 4),
        Err(ClientError::NoOffer)
    ));
    assert_eq!(client.slots.len(), 18);
}

#[test]
fn layers_that_a_track_does_not_have_are_an_error_and_nothing_is_sealed_for_them() {
    let now = Instant::now();
    let mut client = client(now);
    client.connected = true;
    for place in [(Track::Main, 3), (Track::Screen, 1), (Track::Audio, 1)] {
        let sent = client.send_layer(now, place, Codec::Vp8, &[0x11; 30], 0);
        assert!(matches!(sent, Err(ClientError::Layer)));
    }
    let first = client.keys.seal(now, Track::Main, Codec::Vp8, &[0x11; 30]);
    let counter = first.unwrap().unwrap()[3] & 0x0f;
    assert_eq!(counter, 0);
}

#[test]
fn nothing_leaves_in_clear_unless_that_was_asked_for() {
    let now = Instant::now();
    let mut sealed = Client::new(now, ClientConfig::default()).unwrap();
    sealed.connected = true;
    let sent = sealed.send(now, Track::Audio, Codec::Opus, b"sound", 0);
    assert!(!sent.unwrap(), "there is no key");
    assert_eq!(sealed.stats().frames_dropped, 1);
    assert_eq!(sealed.stats().packets_sent, 0);
}

#[test]
fn events_that_nobody_collects_are_bounded_and_the_end_is_told_all_the_same() {
    let mut client = Client::new(Instant::now(), ClientConfig::default()).unwrap();
    for _ in 0..MOST_EVENTS + 10 {
        client.tell(Event::Refused {
            slot: 0,
            reason: Refusal::BadTag,
        });
    }
    client.end();
    assert_eq!(client.stats().events_dropped, 10);
    let told: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
    assert_eq!(told.len(), MOST_EVENTS + 1);
    assert!(matches!(told.last(), Some(Event::Closed)));
}
