// SPDX-License-Identifier: Apache-2.0
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = ice::stun::Message::parse(data);
    let _ = ice::stun::server_ufrag(data);
});
