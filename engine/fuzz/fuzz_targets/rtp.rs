// SPDX-License-Identifier: Apache-2.0
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::{ExtensionKind, ExtensionMap, Header};

fuzz_target!(|data: &[u8]| {
    let _ = rtp::demux(data);
    let Ok(header) = Header::parse(data) else { return };
    let mut map = ExtensionMap::default();
    map.set(1, ExtensionKind::Mid);
    map.set(2, ExtensionKind::TransportWideCc);
    map.set(3, ExtensionKind::AudioLevel);
    let _ = rtp::find(&header, data, &map);
    let _ = rtp::rtx::unwrap(&header, data);
    assert!(header.payload(data).len() <= data.len());
});
