// SPDX-License-Identifier: Apache-2.0
//! More than the engine can take: full queues, uncollected answers, closing in the midst of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod call;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::net::UdpSocket;

use call::media::{AUDIO_PT, AUDIO_SSRC, voice_payload};
use call::{Caller, Host, Identity, Packet, config};
use node::{EngineConfig, EngineError, QUEUED_COMMANDS, UNCOLLECTED_RESULTS};
use shard::{Command, Event};

fn say(from: &mut Caller, index: u64, len: usize) {
    let payload = voice_payload(len, index as u8);
    let timestamp = index as u32 * 960;
    from.send(Packet {
        payload_type: AUDIO_PT,
        ssrc: AUDIO_SSRC,
        index,
        timestamp,
        marker: false,
        payload: &payload,
    });
}

/// A command that fails: its answer needs no memory of the shard.
fn vain(token: u64) -> Command {
    Command::RemovePeer {
        token: Some(token),
        peer: 999,
    }
}

fn answered(events: &[Event]) -> Vec<u64> {
    let token = |event: &Event| match event {
        Event::Result { token, .. } => Some(*token),
        _ => None,
    };
    events.iter().filter_map(token).collect()
}

#[test]
fn media_and_commands_do_not_wait_for_each_other() {
    const PACKETS: u64 = 500;
    let (mut host, identity) = (Host::on(&["127.0.0.1:0"]), Identity::new());
    let (mut one, mut other) = (host.join(&identity, 1, 0), host.join(&identity, 2, 0));
    host.events.clear();
    let mut sent = BTreeSet::new();
    for index in 0..PACKETS {
        for _ in 0..20 {
            let token = host.token();
            host.send(&vain(token));
            assert!(sent.insert(token));
        }
        say(&mut one, index, 60);
        assert_eq!(
            other.receive_all(1)[0].payload,
            voice_payload(60, index as u8)
        );
    }
    let last = *sent.last().unwrap();
    host.wait(|event| matches!(event, Event::Result { token, .. } if *token == last).then_some(()));
    let answers = answered(&host.events);
    assert_eq!(
        answers,
        sent.into_iter().collect::<Vec<_>>(),
        "each once and in order"
    );
}

#[test]
fn answers_that_nobody_collects_stop_new_commands_and_are_all_kept() {
    let host = Host::on(&["127.0.0.1:0"]);
    let (mut accepted, mut collected) = (0, Vec::new());
    let refused = loop {
        match host.engine.send(vain(accepted)) {
            Ok(()) => accepted += 1,
            Err(EngineError::Busy) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, EngineError::Uncollected), "{refused}");
    let most = (UNCOLLECTED_RESULTS + QUEUED_COMMANDS + 64) as u64;
    assert!(
        (UNCOLLECTED_RESULTS as u64..=most).contains(&accepted),
        "{accepted}"
    );
    host.engine.drain(&mut collected);
    host.send(&vain(accepted));
    host.engine.close();
    host.engine.drain(&mut collected);
    assert_eq!(answered(&collected), (0..=accepted).collect::<Vec<_>>());
}

/// The thread is held in a write to a pipe that nobody reads.
#[test]
fn a_full_queue_refuses_at_once_and_what_was_taken_is_done_before_closing() {
    let path = std::env::temp_dir().join(format!("sealroom-pipe-{}", std::process::id()));
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let reader = std::thread::spawn({
        let path = path.clone();
        move || File::open(path).unwrap()
    });
    let mut host = Host::start(&EngineConfig {
        sink_dump: Some(path.clone()),
        ..config(&["127.0.0.1:0"])
    });
    let mut reader = reader.join().unwrap();
    let identity = Identity::new();
    let mut one = host.join(&identity, 1, 0);
    (0..200).for_each(|index| say(&mut one, index, 1_000));
    let mut accepted = Vec::new();
    let refused = loop {
        let token = host.token();
        match host.engine.send(vain(token)) {
            Ok(()) => accepted.push(token),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, EngineError::Busy), "{refused}");
    assert!(accepted.len() >= QUEUED_COMMANDS);
    host.events.clear();
    let emptying = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all.len()
    });
    host.engine.close();
    host.engine.drain(&mut host.events);
    assert_eq!(answered(&host.events), accepted);
    drop(host);
    assert!(emptying.join().unwrap() > 65_536, "the pipe was full");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn closing_ends_the_thread_frees_the_port_and_refuses_commands() {
    let host = Host::on(&["127.0.0.1:0"]);
    let address = host.address(0);
    assert!(UdpSocket::bind(address).is_err());
    host.engine.close();
    assert!(UdpSocket::bind(address).is_ok());
    assert!(matches!(
        host.engine.send(vain(1)),
        Err(EngineError::Closed)
    ));
    host.engine.close();
}
