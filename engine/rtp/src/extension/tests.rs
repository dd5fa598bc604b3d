// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::HeaderWriter;

#[test]
fn every_kind_has_a_uri_that_leads_back() {
    for (place, (kind, uri)) in URIS.iter().enumerate() {
        assert_eq!(*kind as usize, place);
        assert_eq!(kind.uri(), *uri);
        assert_eq!(ExtensionKind::from_uri(uri), Some(*kind));
    }
    assert_eq!(ExtensionKind::from_uri("urn:none"), None);
}

#[test]
fn a_map_keeps_ids_and_kinds_one_to_one() {
    let mut map = ExtensionMap::default();
    map.set(4, ExtensionKind::Mid);
    map.set(4, ExtensionKind::Rid);
    assert_eq!(
        (map.id_of(ExtensionKind::Mid), map.kind_of(4)),
        (None, Some(ExtensionKind::Rid))
    );
    map.set(200, ExtensionKind::Rid);
    assert_eq!(
        (map.kind_of(4), map.id_of(ExtensionKind::Rid)),
        (None, Some(200))
    );
    map.set(0, ExtensionKind::Mid);
    assert_eq!(map.id_of(ExtensionKind::Mid), None);
}

#[test]
fn one_pass_finds_what_is_of_use_and_leaves_wrong_lengths_out() {
    let mut map = ExtensionMap::default();
    let kinds = [
        ExtensionKind::Mid,
        ExtensionKind::TransportWideCc,
        ExtensionKind::AudioLevel,
        ExtensionKind::VideoOrientation,
        ExtensionKind::PlayoutDelay,
    ];
    for (id, kind) in (1..).zip(kinds) {
        map.set(id, kind);
    }
    let extensions: [(u8, &[u8]); 6] = [
        (1, b"7"),
        (2, &[1, 2]),
        (3, &[0x85]),
        (4, &[1, 2]),
        (5, &[1, 2, 3]),
        (9, b"unknown"),
    ];
    let mut packet = [0; 80];
    let writer = HeaderWriter {
        payload_type: 111,
        marker: false,
        sequence: 0,
        timestamp: 0,
        ssrc: 0,
        extensions: &extensions,
    };
    let len = writer.write(&mut packet).unwrap();
    let header = Header::parse(&packet[..len]).unwrap();
    let found = find(&header, &packet, &map);
    assert_eq!(found.mid, Some(&b"7"[..]));
    assert_eq!(found.twcc, Some(0x0102));
    assert_eq!(
        found.audio_level,
        Some(AudioLevel {
            voice: true,
            level_dbov: 5
        })
    );
    assert_eq!(found.video_orientation, None);
    assert_eq!(found.playout_delay, Some(&[1, 2, 3][..]));
}
