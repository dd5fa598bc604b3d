// SPDX-License-Identifier: Apache-2.0
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtp::{Codec, DependencyDescriptor, vp8};

fuzz_target!(|data: &[u8]| {
    for codec in [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        if let Ok(info) = rtp::inspect(codec, data) {
            assert!(info.descriptor_len <= data.len());
            assert!(info.frame_start || !info.key_frame);
            if let Some(header) = rtp::picture_header(codec, &info, data) {
                assert_ne!(rtp::picture_size(codec, header), Some((0, 0)));
            }
        }
    }
    let _ = DependencyDescriptor::parse(data);
    if let Ok(descriptor) = vp8::Descriptor::parse(data) {
        descriptor.patch(&mut data.to_vec(), 0x1234, 5);
    }
});
