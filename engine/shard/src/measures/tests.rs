// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use room::ResolutionClass;
use serde_json::json;
use transport::session::{Kind, Track};

use super::{
    DownSlot, PeerMeasures, Reported, RoundTrip, RoundTripBy, Shown, SizeClass, UpLayer, UpTrack,
    Usage,
};

#[test]
fn measures_are_spelled_as_python_reads_them() {
    let layer = UpLayer {
        layer: 2,
        codec: Some("vp8".to_owned()),
        packets: 990,
        payload_bytes: 990_000,
        frames: 250,
        picture: Some((1_280, 720)),
        expected: 1_000,
        lost: 2,
        repaired: 8,
        jitter_us: 1_500,
    };
    let slot = DownSlot {
        slot: 6,
        kind: Kind::Video,
        packets: 400,
        payload_bytes: 320_000,
        resent: 3,
        nacked: 4,
        key_frames_asked: 1,
        reported: Some(Reported {
            lost: -1,
            fraction_lost: 3,
            jitter_us: 900,
        }),
        source: Some(Shown {
            peer: 2,
            track: Track::Screen,
            layer: 0,
            size: Some(SizeClass::Qhd),
        }),
    };
    let measures = PeerMeasures {
        peer: 1,
        round_trip: Some(RoundTrip {
            us: 21_000,
            source: RoundTripBy::Rtcp,
        }),
        up: vec![UpTrack {
            track: Track::Main,
            loudness: None,
            layers: vec![layer],
        }],
        down: vec![slot],
        usage: Usage {
            audio_ms: 10_000,
            video_ms: [(SizeClass::Qhd, 7_000), (SizeClass::Unknown, 5)].into(),
        },
    };
    // The same text stands in server/tests/media/test_measures.py.
    let text = json!({
        "peer": 1,
        "round_trip": {"us": 21_000, "source": "rtcp"},
        "up": [{"track": "main", "loudness": null, "layers": [{
            "layer": 2, "codec": "vp8", "packets": 990, "payload_bytes": 990_000, "frames": 250, "picture": [1_280, 720],
            "expected": 1_000, "lost": 2, "repaired": 8, "jitter_us": 1_500,
        }]}],
        "down": [{
            "slot": 6, "kind": "video", "packets": 400, "payload_bytes": 320_000, "resent": 3, "nacked": 4,
            "key_frames_asked": 1, "reported": {"lost": -1, "fraction_lost": 3, "jitter_us": 900},
            "source": {"peer": 2, "track": "screen", "layer": 0, "size": "2k"},
        }],
        "usage": {"audio_ms": 10_000, "video_ms": {"2k": 7_000, "unknown": 5}},
    });
    assert_eq!(serde_json::to_value(&measures).unwrap(), text);
    assert_eq!(
        serde_json::from_value::<PeerMeasures>(text).unwrap(),
        measures
    );
}

#[test]
fn each_class_has_its_own_name() {
    let names = ResolutionClass::ALL.map(|class| json!(SizeClass::from(class)));
    assert_eq!(names, ["sd", "hd", "fhd", "2k", "4k", "unknown"]);
}

#[test]
fn usage_is_in_whole_milliseconds_without_what_never_was() {
    let mut usage = room::Usage {
        connected: Duration::from_micros(2_500_900),
        ..room::Usage::default()
    };
    usage.video[ResolutionClass::Hd as usize] = Duration::from_millis(1_200);
    let expected = Usage {
        audio_ms: 2_500,
        video_ms: [(SizeClass::Hd, 1_200)].into(),
    };
    assert_eq!(Usage::from(usage), expected);
}
