// SPDX-License-Identifier: Apache-2.0

use super::*;

fn queue() -> Events {
    Events::new(false).unwrap()
}

impl Events {
    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        self.push(&mut events.into_iter().collect());
    }

    fn collect(&self) -> Vec<Event> {
        let mut collected = Vec::new();
        self.drain(&mut collected);
        collected
    }

    fn is_readable(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }
}

fn result(token: u64) -> Event {
    Event::Result { token, error: None }
}

fn active(peer: u64, layers: &[u8]) -> Event {
    Event::TrackActive {
        peer,
        track: Track::Main,
        layers: layers.to_vec(),
    }
}

fn closed(peer: u64) -> Event {
    Event::Closed {
        peer,
        reason: "closed_by_peer".to_owned(),
    }
}

#[test]
fn events_come_out_in_order() {
    let queue = queue();
    let all = [
        active(1, &[0]),
        result(1),
        active(2, &[0]),
        active(3, &[0]),
        closed(1),
        result(2),
        active(4, &[]),
    ];
    queue.tell(all.clone());
    assert_eq!(queue.collect(), all);
    assert_eq!(queue.collect(), []);
}

#[test]
fn of_a_state_the_latest_is_told_and_never_before_what_it_followed() {
    let queue = queue();
    queue.tell([active(1, &[0]), result(1), active(2, &[0])]);
    queue.tell([closed(1), active(1, &[0, 1])]);
    assert_eq!(
        queue.collect(),
        [result(1), active(2, &[0]), closed(1), active(1, &[0, 1])]
    );
    assert_eq!(
        queue.lost(),
        Lost {
            replaced: 1,
            dropped: 0
        }
    );
    queue.tell([active(1, &[])]);
    assert_eq!(
        queue.collect(),
        [active(1, &[])],
        "what was collected is not replaced"
    );
}

#[test]
fn each_refusal_is_its_own_state() {
    let queue = queue();
    let refused = |generation| Event::BindRefused {
        peer: 1,
        slot: 2,
        generation,
        reason: "not_video".to_owned(),
    };
    queue.tell([refused(1), refused(2)]);
    assert_eq!(queue.collect(), [refused(1), refused(2)]);
}

#[test]
fn too_much_telemetry_costs_the_oldest_and_no_result() {
    let queue = queue();
    let extra = 100;
    let count = (MAX_TELEMETRY + extra) as u64;
    queue.tell((0..count).flat_map(|number| [active(number, &[0]), result(number)]));
    assert_eq!(
        queue.lost(),
        Lost {
            replaced: 0,
            dropped: extra as u64
        }
    );
    assert_eq!(queue.uncollected(), count as usize);
    let all = queue.collect();
    let results: Vec<Event> = all
        .iter()
        .filter(|event| State::of(event).is_none())
        .cloned()
        .collect();
    assert_eq!(results, (0..count).map(result).collect::<Vec<_>>());
    assert_eq!(all.len() - results.len(), MAX_TELEMETRY);
    assert!(all.contains(&active(count - 1, &[0])) && !all.contains(&active(0, &[0])));
    queue.tell([active(0, &[0])]);
    assert_eq!(queue.lost().replaced, 0, "a dropped state is forgotten");
}

#[test]
fn the_collector_is_woken_until_it_collects() {
    for portable in [false, true] {
        let queue = Events::new(portable).unwrap();
        assert!(!queue.is_readable());
        queue.tell([]);
        assert!(!queue.is_readable(), "nothing to tell");
        for token in 0..3 {
            queue.tell([result(token)]);
            queue.tell([result(token)]);
            assert!(queue.is_readable());
            assert_eq!(queue.collect().len(), 2);
            assert!(!queue.is_readable());
        }
    }
}

#[test]
fn nothing_is_lost_between_threads() {
    const EACH: u64 = 20_000;
    let queue = queue();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let queue = &queue;
            scope.spawn(move || {
                (0..EACH).for_each(|token| queue.tell([result(thread * EACH + token)]))
            });
        }
        let mut seen = 0;
        while seen < 2 * EACH {
            if queue.is_readable() {
                seen += queue.collect().len() as u64;
            }
        }
    });
    assert_eq!(queue.collect(), []);
}
