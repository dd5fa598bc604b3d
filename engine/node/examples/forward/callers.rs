// SPDX-License-Identifier: Apache-2.0
//! The other process: one publisher and its subscribers, told what to do line by line.

use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::call::media::{VIDEO_PT, VIDEO_SSRC, video_payload};
use crate::call::{Caller, Identity, Packet};

/// Makes a datagram of 1,200 bytes: 12 of header and 16 of tag are added.
const PAYLOAD: usize = 1_172;
/// A key frame as often as this, in packets.
const KEY_FRAME_EVERY: u64 = 300;
/// What a sleep may take too long; the rest of an interval is spun away.
const SLACK: Duration = Duration::from_micros(80);

struct Callers {
    publisher: Caller,
    subscribers: Vec<Caller>,
    index: u64,
}

/// Does what standard input says until it ends.
pub fn run(server: SocketAddr, subscribers: u64) {
    let identity = Identity::new();
    println!("{}", identity.fingerprint());
    let caller = |peer: u64| Caller::new(&identity, server, &format!("server{peer}"));
    let mut callers = Callers {
        publisher: caller(0),
        subscribers: (1..=subscribers).map(caller).collect(),
        index: 0,
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["join"] => {
                callers.everybody(Caller::connect);
                println!("joined");
            }
            ["warm"] => {
                callers.warm();
                println!("warm");
            }
            ["send", burst, micros, seconds, drained] => {
                let [burst, micros, seconds] =
                    [burst, micros, seconds].map(|word| word.parse().unwrap());
                let (interval, time) =
                    (Duration::from_micros(micros), Duration::from_secs(seconds));
                println!("{}", callers.send(burst, interval, time, drained == "1"));
            }
            _ => return,
        }
    }
}

impl Callers {
    fn everybody(&mut self, act: impl Fn(&mut Caller)) {
        act(&mut self.publisher);
        self.subscribers.iter_mut().for_each(act);
    }

    /// Sends key frames until each subscriber sees one, and empties all sockets.
    fn warm(&mut self) {
        let mut waiting: Vec<&mut Caller> = self.subscribers.iter_mut().collect();
        while !waiting.is_empty() {
            send_frame(&mut self.publisher, &mut self.index, 1, true);
            std::thread::sleep(Duration::from_millis(20));
            waiting.retain_mut(|caller| caller.drain() == 0);
        }
    }

    /// Sends bursts at a steady pace; how many packets that were.
    fn send(&mut self, burst: u64, interval: Duration, time: Duration, drained: bool) -> u64 {
        let done = AtomicBool::new(false);
        let (publisher, subscribers, index) =
            (&mut self.publisher, &mut self.subscribers, &mut self.index);
        let first = *index;
        std::thread::scope(|scope| {
            let done = &done;
            if drained {
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        for caller in subscribers.iter_mut() {
                            caller.drain();
                        }
                        std::thread::sleep(Duration::from_micros(500));
                    }
                });
            }
            pace(interval, time, || {
                let key_frame = *index % KEY_FRAME_EVERY < burst;
                send_frame(publisher, index, burst, key_frame);
            });
            done.store(true, Ordering::Relaxed);
        });
        let sent = self.index - first;
        // The engine's checks waited behind the media: answered now, they keep the callers in the room.
        self.everybody(|caller| {
            caller.drain();
        });
        sent
    }
}

/// Calls `act` once per interval. What is late is not made up for: that would make larger bursts.
fn pace(interval: Duration, time: Duration, mut act: impl FnMut()) {
    let end = Instant::now() + time;
    let mut next = Instant::now();
    while next < end {
        std::thread::sleep(
            next.saturating_duration_since(Instant::now())
                .saturating_sub(SLACK),
        );
        while Instant::now() < next {
            std::hint::spin_loop();
        }
        act();
        next = (next + interval).max(Instant::now());
    }
}

/// One frame of `count` packets.
fn send_frame(publisher: &mut Caller, index: &mut u64, count: u64, key_frame: bool) {
    let timestamp = *index as u32 * 90;
    let sealed: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let payload = video_payload(number == 0, key_frame, PAYLOAD, 0xA5);
            let (index, marker) = (*index + number, number + 1 == count);
            publisher.seal(Packet {
                payload_type: VIDEO_PT,
                ssrc: VIDEO_SSRC,
                index,
                timestamp,
                marker,
                payload: &payload,
            })
        })
        .collect();
    sealed
        .iter()
        .for_each(|datagram| publisher.send_raw(datagram));
    *index += count;
}
