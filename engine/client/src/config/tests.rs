// SPDX-License-Identifier: Apache-2.0

use super::*;

fn offer_with(payload_types: PayloadTypes) -> Result<String, ClientError> {
    let config = ClientConfig {
        payload_types,
        ..ClientConfig::default()
    };
    offered(Instant::now(), &config).map(|made| made.offer.to_sdp_string())
}

#[test]
fn the_camera_is_offered_in_three_layers_and_all_codecs_under_their_numbers() {
    let types = PayloadTypes {
        vp8: 127,
        h264: 40,
        ..PayloadTypes::default()
    };
    let offer = offer_with(types).unwrap();
    for line in [
        "a=simulcast:send q;h;f",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:127 VP8/90000",
        "a=fmtp:35 apt=127",
        "a=rtpmap:98 VP9/90000",
        "a=fmtp:99 apt=98",
        "a=rtpmap:40 H264/90000",
        "a=fmtp:41 apt=40",
    ] {
        assert!(offer.lines().any(|found| found == line), "{line}\n{offer}");
    }
    assert_eq!(offer.matches("a=simulcast").count(), 1);
}

#[test]
fn payload_types_that_clash_or_look_like_rtcp_are_refused() {
    for (vp8, h264) in [(98, 102), (72, 102), (96, 34), (111, 102), (128, 102)] {
        let types = PayloadTypes {
            vp8,
            h264,
            ..PayloadTypes::default()
        };
        assert!(matches!(offer_with(types), Err(ClientError::PayloadTypes)));
    }
}
