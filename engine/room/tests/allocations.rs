// SPDX-License-Identifier: Apache-2.0
//! Nothing is allocated per packet once a room is warm.
#![allow(clippy::unwrap_used, clippy::expect_used, unsafe_code)]

mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rig::{Packet, Rig, session, vp8};
use room::ParticipantId;
use transport::session::Track;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it came; counting touches a thread-local cell that
// needs no allocation and no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller of this function promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller of this function promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller of this function promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEERS: u64 = 10;

/// What is sent; made before, so that only what the room does counts.
struct Payloads {
    key: Vec<u8>,
    delta: Vec<u8>,
    rest: Vec<u8>,
    voice: Vec<u8>,
}

impl Payloads {
    /// In a form that a room takes that demands sealing.
    fn sealed() -> Self {
        let seal = |prefix: &[u8], track: u8, size| {
            [prefix, &[0b1011_0000, 1, 0, 0, track], &vec![0xEE; size]].concat()
        };
        Self {
            key: vp8(true, 0, 1, 1, &seal(&[0; 9], 2, 1_100)),
            delta: vp8(true, 1, 1, 1, &seal(&[0; 2], 2, 1_100)),
            rest: vp8(false, 0xEE, 1, 1, &[0xEE; 600]),
            voice: seal(&[], 1, 80),
        }
    }
}

/// One second of a room in which everybody sends a camera in three layers, two packets a frame, and a voice.
fn second(rig: &mut Rig, ids: &[ParticipantId], first: u64, payloads: &Payloads) {
    for frame in 0..50 {
        for (number, id) in ids.iter().enumerate() {
            let level = if (frame + number as u64).is_multiple_of(7) {
                20
            } else {
                90
            };
            rig.ingest(*id, &Packet::audio(first + frame, level, &payloads.voice))
                .unwrap();
            let (sequence, timestamp) = (first + frame * 2, (first + frame * 2) as u32 * 900);
            let head = if frame % 25 == 0 {
                &payloads.key
            } else {
                &payloads.delta
            };
            for layer in 0..3 {
                rig.ingest(*id, &Packet::video(layer, sequence, timestamp, head))
                    .unwrap();
                rig.ingest(
                    *id,
                    &Packet::video(layer, sequence + 1, timestamp, &payloads.rest),
                )
                .unwrap();
            }
            if number % 3 == 2 {
                rig.flush();
            }
        }
        rig.flush();
        rig.nack(ids[0], 0, rig.last_number(1));
        rig.pass(20);
    }
}

#[test]
fn a_warm_room_forwards_repairs_and_assigns_without_allocating() {
    let payloads = Payloads::sealed();
    for sealed in [false, true] {
        let mut rig = Rig::new(sealed);
        let ids: Vec<_> = (1..=PEERS)
            .map(|peer| rig.join(peer, &session(9, 3)))
            .collect();
        for (number, id) in (1..=PEERS).zip(&ids) {
            for (slot, source) in (0_u16..).zip((1..=PEERS).filter(|peer| *peer != number)) {
                rig.bind(
                    *id,
                    slot,
                    1,
                    Some((source, Track::Main, (source % 3) as u8)),
                );
            }
            let fake = rig.peers.0.get_mut(&(number as u32)).unwrap();
            fake.silent = true;
            fake.key_frame_requests.reserve(10_000);
            fake.cleared.reserve(10_000);
        }
        for warm_up in 0..3 {
            second(&mut rig, &ids, 1 + warm_up * 100, &payloads);
        }
        let (allocations, before) = (ALLOCATIONS.with(Cell::get), rig.room.counters().clone());
        for round in 3..5 {
            second(&mut rig, &ids, 1 + round * 100, &payloads);
        }
        let allocated = ALLOCATIONS.with(Cell::get) - allocations;
        let forwarded = rig.room.counters().forwarded - before.forwarded;
        assert!(forwarded > 20_000, "{forwarded}");
        assert!(rig.room.counters().retransmitted > before.retransmitted + 50);
        assert_eq!(allocated, 0, "over {forwarded} packets, sealed {sealed}");
    }
}
