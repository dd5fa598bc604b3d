// SPDX-License-Identifier: Apache-2.0
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use sframe::{Codec, Header, Opener, Secret, Suite, Track};

fuzz_target!(|data: &[u8]| {
    if let Ok((header, len)) = Header::parse(data) {
        let mut written = [0; 17];
        assert_eq!(header.write(&mut written), len);
        assert_eq!(&written[..len], &data[..len]);
    }
    let mut opener = Opener::new();
    if let Some(secret) = Secret::new(Suite::Aes256GcmSha512, 1, 0, &[7; 64]) {
        opener.add_secret(Instant::now(), secret, false);
    }
    for codec in [Codec::Vp8, Codec::Opus, Codec::H264, Codec::Av1] {
        assert!(opener.open(Instant::now(), Track::Main, codec, None, data).is_err());
    }
});
