// SPDX-License-Identifier: Apache-2.0
//! The project's vectors, made by the independent model, and the working group's where they are at hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use sframe::{
    Codec, Header, KeyId, Opener, Refusal, RoomContext, RoomKind, Sealer, Secret, Suite, Track,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> Value {
    let text = std::fs::read(root().join("protocol/vectors").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn track(value: &Value) -> Track {
    match value.as_str().unwrap() {
        "audio" => Track::Audio,
        "main" => Track::Main,
        "screen" => Track::Screen,
        _ => Track::Data,
    }
}

fn suite(value: &Value) -> Suite {
    Suite::from_number(u16::try_from(number(value)).unwrap()).unwrap()
}

fn check_header(kid: u64, counter: u64, encoded: &[u8]) {
    let header = Header { kid, counter };
    let mut bytes = [0; 17];
    let len = header.write(&mut bytes);
    assert_eq!(&bytes[..len], encoded);
    assert_eq!(Header::parse(encoded), Ok((header, encoded.len())));
}

#[test]
fn headers() {
    let vectors = read("headers.json");
    for case in vectors["good"].as_array().unwrap() {
        check_header(
            number(&case["kid"]),
            number(&case["counter"]),
            &hex(&case["encoded"]),
        );
    }
    for case in vectors["refused"].as_array().unwrap() {
        assert!(Header::parse(&hex(case)).is_err(), "{case}");
    }
}

#[test]
fn headers_of_the_working_group() {
    let Ok(text) = std::fs::read(root().join("../shared/vectors/sframe/rfc9605.json")) else {
        return;
    };
    let vectors: Value = serde_json::from_slice(&text).unwrap();
    for case in vectors["header"].as_array().unwrap() {
        check_header(
            number(&case["kid"]),
            number(&case["ctr"]),
            &hex(&case["encoded"]),
        );
    }
}

#[test]
fn the_schedule() {
    for case in read("schedule.json").as_array().unwrap() {
        let context = RoomContext {
            suite: suite(&case["suite"]),
            app: u32::try_from(number(&case["app"])).unwrap(),
            kind: if case["kind"] == "number" {
                RoomKind::Number
            } else {
                RoomKind::String
            },
            room: case["room"].as_str().unwrap().to_owned(),
            instance: hex(&case["instance"]).try_into().unwrap(),
        };
        let epoch = number(&case["epoch"]);
        assert_eq!(context.encode(epoch), hex(&case["context"]));
        let mut secret = context
            .first_secret(epoch, &hex(&case["epochSecret"]))
            .unwrap();
        for wanted in case["steps"].as_array().unwrap() {
            let step = u8::try_from(number(&wanted["step"])).unwrap();
            if step > 0 {
                secret = secret.next().unwrap();
                assert_eq!(secret.bytes().unwrap(), hex(&wanted["secret"]));
            }
            assert_eq!(secret.version(), (epoch, step));
            assert_eq!(
                context.hpke_info(epoch, step, 7),
                hex(&wanted["hpkeInfoTo7"])
            );
            let told = Secret::new(context.suite, epoch, step, &hex(&wanted["secret"])).unwrap();
            for sender in wanted["senders"].as_array().unwrap() {
                let index = u16::try_from(number(&sender["index"])).unwrap();
                let kid = KeyId::new(epoch, step, index, track(&sender["track"]));
                assert_eq!(kid.pack(), number(&sender["kid"]));
                // The base key itself is not shown; frames sealed from both secrets must open each other.
                let mut sealer = Sealer::new(&secret, index, kid.track).unwrap();
                let mut opener = Opener::new();
                let again = Secret::new(context.suite, epoch, step, told.bytes().unwrap()).unwrap();
                opener.add_secret(Instant::now(), again, false);
                let frame = sealer.seal(Codec::Data, b"body").unwrap();
                assert!(
                    opener
                        .open(Instant::now(), kid.track, Codec::Data, Some(index), &frame)
                        .is_ok()
                );
            }
        }
    }
}

#[test]
fn custom_messages() {
    for case in read("custom.json")["good"].as_array().unwrap() {
        let secret = || Secret::new(suite(&case["suite"]), 1, 0, &hex(&case["secret"])).unwrap();
        let (sealed, body) = (hex(&case["sealed"]), hex(&case["body"]));
        let mut opener = Opener::new();
        opener.add_secret(Instant::now(), secret(), false);
        let mut open =
            |frame: &[u8]| opener.open(Instant::now(), Track::Data, Codec::Data, None, frame);
        let opened = open(&sealed).unwrap();
        assert_eq!((opened.index, &opened.frame), (3, &body));
        assert!(open(&sealed).is_err(), "a second time");
        assert!(open(&body).is_err(), "a body in clear");
        if number(&case["counter"]) == 0 {
            let mut sealer = Sealer::new(&secret(), 3, Track::Data).unwrap();
            assert_eq!(sealer.seal(Codec::Data, &body).unwrap(), sealed);
        }
    }
}

#[test]
fn frames() {
    let first = read("schedule.json");
    for case in read("frames.json").as_array().unwrap() {
        let suite = suite(&case["suite"]);
        let of_suite = |one: &&Value| one["suite"] == case["suite"] && one["room"] == "room-abc";
        let room = first.as_array().unwrap().iter().find(of_suite).unwrap();
        let secret = Secret::new(suite, 1, 0, &hex(&room["steps"][0]["secret"])).unwrap();
        let codec = match case["codec"].as_str().unwrap() {
            "opus" => Codec::Opus,
            "red" => Codec::Red,
            "vp8" => Codec::Vp8,
            "vp9" => Codec::Vp9,
            "h264" => Codec::H264,
            "av1" => Codec::Av1,
            _ => Codec::Data,
        };
        let mut opener = Opener::new();
        opener.add_secret(Instant::now(), secret, false);
        let opened = opener
            .open(
                Instant::now(),
                track(&case["track"]),
                codec,
                Some(3),
                &hex(&case["sealed"]),
            )
            .unwrap();
        assert_eq!(opened.frame, hex(&case["opened"]));
        if number(&case["counter"]) == 0 {
            let secret = Secret::new(suite, 1, 0, &hex(&room["steps"][0]["secret"])).unwrap();
            let mut sealer = Sealer::new(&secret, 3, track(&case["track"])).unwrap();
            assert_eq!(
                sealer.seal(codec, &hex(&case["frame"])).unwrap(),
                hex(&case["sealed"])
            );
        }
    }
}

#[test]
fn refusals() {
    let vectors = read("refusals.json");
    let known = &vectors["known"];
    for case in vectors["cases"].as_array().unwrap() {
        let step = u8::try_from(number(&known["step"])).unwrap();
        let secret = Secret::new(
            suite(&known["suite"]),
            number(&known["epoch"]),
            step,
            &hex(&known["secret"]),
        );
        let mut opener = Opener::new();
        opener.add_secret(Instant::now(), secret.unwrap(), false);
        let index = u16::try_from(number(&known["index"])).unwrap();
        let sealed = hex(&case["sealed"]);
        let opened = opener.open(
            Instant::now(),
            Track::Audio,
            Codec::Opus,
            Some(index),
            &sealed,
        );
        let reason = opened.as_ref().err().copied().map(Refusal::as_str);
        assert_eq!(reason, case["reason"].as_str(), "{case}");
    }
}
