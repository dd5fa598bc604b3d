// SPDX-License-Identifier: Apache-2.0
use super::{DtlsVersion, Rights, Session, SessionError, Track};

const JSON: &str = r#"{
  "local_ice": {"ufrag": "srv0", "pwd": "serverpasswordserverpw"},
  "remote_ice": {"ufrag": "brw0", "pwd": "browserpasswordbrowser"},
  "remote_fingerprint": "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
  "dtls": "1.2", "rights": 255,
  "sends": [
    {"mid": "0", "track": "audio", "rids": [], "ssrcs": [], "extensions": [{"id": 1, "uri": "urn:ietf:params:rtp-hdrext:sdes:mid"}],
     "codecs": [{"payload_type": 111, "codec": "opus", "clock_rate": 48000, "rtx_payload_type": null}]},
    {"mid": "1", "track": "main", "rids": ["q", "h", "f"], "ssrcs": [], "extensions": [{"id": 1, "uri": "urn:ietf:params:rtp-hdrext:sdes:mid"}],
     "codecs": [{"payload_type": 96, "codec": "vp8", "clock_rate": 90000, "rtx_payload_type": 97}]}
  ],
  "slots": [
    {"mid": "2", "kind": "video", "ssrc": 1000, "rtx_ssrc": 1001, "extensions": [],
     "codecs": [{"payload_type": 96, "codec": "vp8", "clock_rate": 90000, "rtx_payload_type": 97}]}
  ]
}"#;

fn session() -> Session {
    serde_json::from_str(JSON).unwrap()
}

#[test]
fn the_json_of_an_answer_is_a_session() {
    let session = session();
    assert_eq!(session.validate(), Ok(()));
    assert_eq!(
        (session.dtls, session.rights),
        (DtlsVersion::V12, Rights::ALL)
    );
    assert_eq!(session.sends[1].track, Track::Main);
    assert_eq!(session.sends[1].codecs[0].codec, rtp::Codec::Vp8);
    let again: Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    assert_eq!(again, session);
}

#[test]
fn a_slot_has_what_it_does_not_say_from_the_one_before() {
    let more = r#"}]}, {"mid": "3", "kind": "video", "ssrc": 1002, "rtx_ssrc": 1003}, {"mid": "4", "kind": "video", "ssrc": 1004, "rtx_ssrc": null, "extensions": [{"id": 2, "uri": "urn:x"}]},
      {"mid": "5", "kind": "video", "ssrc": 1005, "rtx_ssrc": null}
  ]
}"#;
    let (before, _) = JSON.rsplit_once("}]}").unwrap();
    let session: Session = serde_json::from_str(&format!("{before}{more}")).unwrap();
    assert_eq!(session.validate(), Ok(()));
    let [first, second, third, fourth] = session.slots.as_slice() else {
        panic!("four slots");
    };
    assert_eq!((second.ssrc, second.rtx_ssrc), (1002, Some(1003)));
    assert_eq!(
        (&second.codecs, &second.extensions),
        (&first.codecs, &first.extensions)
    );
    assert_eq!((&third.codecs, third.extensions.len()), (&first.codecs, 1));
    assert_eq!(
        (&fourth.codecs, &fourth.extensions),
        (&third.codecs, &third.extensions)
    );
}

#[test]
fn the_first_slot_says_everything() {
    let without_extensions = JSON.replacen(
        "\"rtx_ssrc\": 1001, \"extensions\": [],",
        "\"rtx_ssrc\": 1001,",
        1,
    );
    let error = serde_json::from_str::<Session>(&without_extensions).unwrap_err();
    assert!(error.to_string().contains("extensions"), "{error}");
}

#[test]
fn an_unknown_field_is_refused() {
    for (from, to) in [
        ("\"dtls\"", "\"extra\": 1, \"dtls\""),
        ("\"mid\": \"2\"", "\"mid\": \"2\", \"extra\": 1"),
    ] {
        assert!(serde_json::from_str::<Session>(&JSON.replacen(from, to, 1)).is_err());
    }
    assert!(serde_json::from_str::<Session>(&JSON.replacen("vp8", "vp7", 1)).is_err());
    assert!(
        serde_json::from_str::<Session>(&JSON.replacen("\"rights\": 255", "\"rights\": 256", 1))
            .is_err()
    );
}

#[test]
fn every_bound_is_checked() {
    type Change = fn(&mut Session);
    let cases: [(Change, SessionError); 17] = [
        (
            |s| s.local_ice.ufrag = "abc".into(),
            SessionError::IceCredentials,
        ),
        (
            |s| s.remote_ice.pwd = "x".repeat(257),
            SessionError::IceCredentials,
        ),
        (
            |s| s.remote_ice.pwd = "has:colonhas:colonhas:colon".into(),
            SessionError::IceCredentials,
        ),
        (
            |s| s.remote_fingerprint.push_str(":00"),
            SessionError::Fingerprint,
        ),
        (
            |s| s.remote_fingerprint = "+1".repeat(32),
            SessionError::Fingerprint,
        ),
        (
            |s| s.slots = vec![s.slots[0].clone(); 65],
            SessionError::Count("slots"),
        ),
        (
            |s| s.sends = vec![s.sends[0].clone(); 9],
            SessionError::Count("sends"),
        ),
        (|s| s.slots[0].codecs.clear(), SessionError::Count("codecs")),
        (
            |s| s.sends[1].rids.push("x".into()),
            SessionError::Count("rids"),
        ),
        (
            |s| s.sends[1].rids[0] = "a b".into(),
            SessionError::Token("rid"),
        ),
        (
            |s| s.slots[0].mid = "0".into(),
            SessionError::Duplicate("mid"),
        ),
        (
            |s| s.slots[0].rtx_ssrc = Some(1000),
            SessionError::Duplicate("ssrc"),
        ),
        (|s| s.sends[1].track = Track::Audio, SessionError::CodecKind),
        (
            |s| s.slots[0].codecs[0].payload_type = 72,
            SessionError::Range("payload type"),
        ),
        (
            |s| s.slots[0].codecs[0].rtx_payload_type = Some(96),
            SessionError::Duplicate("payload type"),
        ),
        (|s| s.slots[0].ssrc = 0, SessionError::Range("ssrc 0")),
        (
            |s| s.sends[1].extensions[0].uri = "urn:other".into(),
            SessionError::Conflict("extension id"),
        ),
    ];
    for (change, error) in cases {
        let mut changed = session();
        change(&mut changed);
        assert_eq!(changed.validate(), Err(error));
    }
}

#[test]
fn rights_are_the_bits_of_a_private_map_key() {
    assert!(
        Rights(4).contains(Track::Audio.send_right())
            && !Rights(4).contains(Track::Main.send_right())
    );
    assert!(Rights(16 | 64).contains(Track::Screen.send_right()));
    assert_eq!(Track::Screen.receive_right(), Rights(128));
    assert_eq!(Rights::ALL.without(Rights::SEND_VIDEO).0, 239);
    assert_eq!(Rights::NONE.with(Rights::ENTER), Rights(2));
}

#[test]
fn credentials_are_not_printed() {
    let shown = format!("{:?}", session());
    assert!(
        !shown.contains("serverpassword") && !shown.contains("brw0"),
        "{shown}"
    );
}
