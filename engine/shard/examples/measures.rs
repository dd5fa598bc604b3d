// SPDX-License-Identifier: Apache-2.0
//! What it costs to measure everybody: `cargo run --release -p shard --example measures`. 200 peers in 20 rooms, each sends
//! a voice and a camera in three layers, each is shown all others and hears six. Prints one line of JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that fails has to stop"
)]

#[path = "../tests/town/mod.rs"]
mod town;

use std::time::{Duration, Instant};

use serde_json::json;
use shard::{Command, Event, SlotBinding, SlotSource};
use town::Town;
use transport::session::{ReceiveSlot, Session, Track};

const ROOMS: u64 = 20;
const MEMBERS: u64 = 10;
const ROUNDS: usize = 300;

fn main() {
    let mut town = Town::new();
    for room in 0..ROOMS {
        let number = 1_000 + room;
        town.command(Command::AddRoom {
            token: None,
            room: number,
            sealing_required: false,
        });
        for member in 0..MEMBERS {
            town.join_room(number, room * MEMBERS + member + 1, with_slots);
        }
    }
    for peer in 0..ROOMS * MEMBERS {
        show_others(&mut town, peer);
    }
    for number in 0..10 {
        for peer in 1..=ROOMS * MEMBERS {
            talk(&mut town, peer, number == 0);
        }
        town.pass(Duration::from_millis(20));
    }
    town.events.clear();
    report(&mut town);
}

/// As many slots as a client's first offer asks for.
fn with_slots(session: &mut Session) {
    let models: Vec<ReceiveSlot> = session.slots.clone();
    for (count, model) in [(5, &models[0]), (11, &models[1])] {
        for _ in 0..count {
            let number = session.slots.len() as u32;
            session.slots.push(ReceiveSlot {
                mid: format!("r{number}"),
                ssrc: 10_000 + number,
                rtx_ssrc: model.rtx_ssrc.map(|_| 20_000 + number),
                ..model.clone()
            });
        }
    }
}

/// Binds the video slots, which are 1 and those behind the further audio slots.
fn show_others(town: &mut Town, peer: u64) {
    let first = peer / MEMBERS * MEMBERS;
    let others = (first..first + MEMBERS).filter(|other| *other != peer);
    let slots = [1].into_iter().chain(7..);
    let bindings = slots.zip(others).map(|(slot, other)| SlotBinding {
        slot,
        generation: 1,
        source: Some(SlotSource {
            peer: other + 1,
            track: Track::Main,
            layer: 2,
        }),
    });
    town.command(Command::Bind {
        token: None,
        peer: peer + 1,
        bindings: bindings.collect(),
    });
}

fn talk(town: &mut Town, peer: u64, key: bool) {
    let voice = town.voice(peer, &[1; 90]);
    town.give_from(peer, voice);
    for layer in 0..3 {
        let size = &[2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0][..];
        let frame = town.frame(peer, layer, key, &[size, &[2; 900]].concat());
        town.give_from(peer, frame);
    }
}

fn report(town: &mut Town) {
    let mut taken = Vec::with_capacity(ROUNDS);
    let mut encoded = Vec::with_capacity(ROUNDS);
    let mut bytes = 0;
    for token in 0..ROUNDS as u64 {
        let mut events = Vec::new();
        let before = Instant::now();
        let command = Command::AllMeasures { token };
        town.shard.command(town.now, command, &mut town.wire);
        taken.push(before.elapsed());
        town.shard.drain_events(&mut events);
        let [event] = <[Event; 1]>::try_from(events).unwrap();
        let before = Instant::now();
        bytes = serde_json::to_vec(&event).unwrap().len();
        encoded.push(before.elapsed());
    }
    let line = json!({
        "peers": ROOMS * MEMBERS,
        "shard_us": spread(taken),
        "json_us": spread(encoded),
        "json_bytes": bytes,
    });
    println!("{line}");
}

/// The least, the median and the 99th percentile, in microseconds.
fn spread(mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let places = [0, times.len() / 2, times.len() * 99 / 100];
    places.map(|at| times[at].as_nanos() as f64 / 1_000.0)
}
