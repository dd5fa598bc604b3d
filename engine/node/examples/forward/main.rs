// SPDX-License-Identifier: Apache-2.0
//! What the engine costs: CPU per forwarded packet and per join, memory per subscriber. Started by `bench/media/run.py`,
//! which says how (`bench/media/method.md`); prints one line of JSON.
//!
//! The engine runs in this process, its callers in a child, so that neither's memory or CPU is counted for the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that fails has to stop"
)]

#[path = "../../tests/call/mod.rs"]
mod call;
mod callers;
mod floor;
mod process;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use call::media::session_with;
use call::{Host, ROOM, config};
use node::EngineConfig;
use serde_json::{Value, json};
use shard::{Command, Event, SlotBinding, SlotSource, Stats};
use transport::session::Track;

/// What a client's first offer asks for: 6 audio and 12 video slots.
const AUDIO_SLOTS: u16 = 6;
const VIDEO_SLOTS: u16 = 12;
/// The publisher; subscribers are numbered from 1.
const PUBLISHER: u64 = 0;

/// A call: the engine here, the callers there.
struct Call {
    host: Host,
    callers: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    subscribers: u64,
}

impl Call {
    /// The engine and callers that have not joined.
    fn prepare(subscribers: u64, force_portable: bool) -> Self {
        let mut host = Host::start(&EngineConfig {
            force_portable,
            ..config(&["127.0.0.1:0"])
        });
        let mut callers = process::pinned(&std::env::current_exe().unwrap())
            .args([
                "callers",
                &host.address(0).to_string(),
                &subscribers.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (
            callers.stdin.take().unwrap(),
            BufReader::new(callers.stdout.take().unwrap()),
        );
        host.events.clear();
        Self {
            host,
            callers,
            orders,
            answers,
            subscribers,
        }
    }

    /// Lets everybody in and waits until all are connected.
    fn join(&mut self) {
        let fingerprint = self.answer();
        for peer in 0..=self.subscribers {
            let session = session_with(
                &format!("server{peer}"),
                &fingerprint,
                AUDIO_SLOTS,
                VIDEO_SLOTS,
            );
            let token = self.host.token();
            self.host.send(&Command::AddPeer {
                token,
                room: ROOM,
                peer,
                session: Box::new(session),
            });
        }
        self.order("join");
        assert_eq!(self.answer(), "joined");
        let mut connected = 0;
        let wanted = self.subscribers + 1;
        self.host.wait(|event| {
            connected += u64::from(matches!(event, Event::Connected { .. }));
            (connected == wanted).then_some(())
        });
    }

    /// Shows the publisher to everybody, and waits until pictures flow.
    fn show(&mut self) {
        for peer in 1..=self.subscribers {
            let source = SlotSource {
                peer: PUBLISHER,
                track: Track::Main,
                layer: 0,
            };
            let bindings = vec![SlotBinding {
                slot: AUDIO_SLOTS,
                generation: 1,
                source: Some(source),
            }];
            assert_eq!(
                self.host.ask(|token| Command::Bind {
                    token: Some(token),
                    peer,
                    bindings
                }),
                None
            );
        }
        self.order("warm");
        assert_eq!(self.answer(), "warm");
    }

    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.orders.flush().unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(
            self.answers.read_line(&mut line).unwrap(),
            0,
            "the callers are gone"
        );
        line.trim().to_owned()
    }

    /// The counters once nothing waits to be forwarded any more.
    fn settle(&mut self) -> Stats {
        let mut earlier = self.host.stats();
        loop {
            std::thread::sleep(Duration::from_millis(20));
            let stats = self.host.stats();
            if stats.accepted == earlier.accepted {
                return stats;
            }
            earlier = stats;
        }
    }

    /// Forwards for a while; what it cost.
    fn forward(&mut self, load: &Load, seconds: u64) -> Value {
        let (before, cpu) = (self.host.stats(), process::shard_cpu());
        self.order(&format!(
            "send {} {} {seconds} {}",
            load.burst,
            load.interval.as_micros(),
            u8::from(load.drained)
        ));
        let sent: u64 = self.answer().parse().unwrap();
        let after = self.settle();
        let cpu = process::shard_cpu() - cpu;
        let forwarded = after.forwarded - before.forwarded;
        let (send_full, send_failed) = self.host.engine.unsent();
        json!({
            "workload": load.name,
            "burst": load.burst,
            "drained": load.drained,
            "portable": load.portable,
            "subscribers": self.subscribers,
            "sent": sent,
            "accepted": after.accepted - before.accepted,
            "forwarded": forwarded,
            "unsent": send_full + send_failed,
            "per_second": forwarded / seconds,
            "per_cpu_second": (forwarded as f64 / cpu.as_secs_f64()) as u64,
            "us_per_forward": cpu.as_secs_f64() * 1e6 / forwarded as f64,
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _ = writeln!(self.orders, "quit");
        let _ = self.callers.wait();
    }
}

/// How the publisher sends.
struct Load {
    name: &'static str,
    /// Packets that leave together.
    burst: u64,
    interval: Duration,
    /// Whether the subscribers read.
    drained: bool,
    portable: bool,
}

/// 100,000 forwards a second with 50 subscribers, where a packet is forwarded before the next comes; 200,000 in bursts;
/// 330,000 where packets come singly and faster than they can be forwarded singly, so that the engine makes the bursts.
const LOADS: [Load; 6] = [
    Load {
        name: "burst 1",
        burst: 1,
        interval: Duration::from_micros(500),
        drained: false,
        portable: false,
    },
    Load {
        name: "burst 8",
        burst: 8,
        interval: Duration::from_micros(2_000),
        drained: false,
        portable: false,
    },
    Load {
        name: "one by one, full",
        burst: 1,
        interval: Duration::from_micros(150),
        drained: false,
        portable: false,
    },
    Load {
        name: "burst 1, drained",
        burst: 1,
        interval: Duration::from_micros(500),
        drained: true,
        portable: false,
    },
    Load {
        name: "burst 8, drained",
        burst: 8,
        interval: Duration::from_micros(2_000),
        drained: true,
        portable: false,
    },
    Load {
        name: "burst 8, portable",
        burst: 8,
        interval: Duration::from_micros(4_000),
        drained: false,
        portable: true,
    },
];

/// All workloads, or the one of this name: to look at it with a profiler.
fn forwards(subscribers: u64, seconds: u64, only: Option<&str>) -> Vec<Value> {
    let measure = |load: &Load| {
        let mut call = Call::prepare(subscribers, load.portable);
        call.join();
        call.show();
        call.forward(load, 1);
        call.forward(load, seconds)
    };
    LOADS
        .iter()
        .filter(|load| only.is_none_or(|name| load.name == name))
        .map(measure)
        .collect()
}

/// CPU of the engine's thread from the first check to the last finished handshake, and what each subscriber holds
/// in memory once media has flowed to it.
fn joins(subscribers: u64) -> Value {
    let mut call = Call::prepare(subscribers, false);
    // The first join pays for what is made once.
    let (cpu, memory) = (process::shard_cpu(), process::resident());
    call.join();
    let cpu = process::shard_cpu() - cpu;
    call.show();
    let memory = process::resident().saturating_sub(memory);
    json!({
        "subscribers": subscribers,
        "cpu_us_per_join": cpu.as_secs_f64() * 1e6 / (subscribers + 1) as f64,
        "bytes_per_subscriber": memory / subscribers,
        "resident_bytes": memory,
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["callers", server, subscribers] => {
            return callers::run(server.parse().unwrap(), subscribers.parse().unwrap());
        }
        ["forward", subscribers, seconds, ref workload @ ..] => {
            let only = workload.first().copied();
            json!(forwards(
                subscribers.parse().unwrap(),
                seconds.parse().unwrap(),
                only
            ))
        }
        ["join", subscribers] => joins(subscribers.parse().unwrap()),
        ["floor", subscribers] => json!(floor::measure(subscribers.parse().unwrap())),
        _ => {
            panic!("forward SUBSCRIBERS SECONDS [WORKLOAD] | join SUBSCRIBERS | floor SUBSCRIBERS")
        }
    };
    println!("{result}");
}
