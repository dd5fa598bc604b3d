// SPDX-License-Identifier: Apache-2.0
//! Answers a client's offer as the operator's signalling does, in as many lines as a test needs.

use std::fmt::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};
use transport::session::Session;

/// The operator's side of one session.
pub struct Answer {
    pub sdp: String,
    pub session: Session,
}

/// What one media section of the offer says.
struct Section<'a> {
    kind: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn value(&self, name: &str) -> &'a str {
        self.lines
            .iter()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
    }

    fn receives(&self) -> bool {
        self.lines.contains(&"a=recvonly")
    }

    fn payload_type(&self, codec: &str) -> u8 {
        let found = self.lines.iter().find_map(|line| {
            let (number, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            name.to_lowercase()
                .starts_with(codec)
                .then(|| number.parse().unwrap())
        });
        found.unwrap()
    }

    fn extensions(&self) -> Vec<(u8, &'a str)> {
        let wanted = ["sdes:mid", "transport-wide-cc"];
        let parsed = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix("a=extmap:")?.split_once(' '));
        let known = parsed.filter(|(_, uri)| wanted.iter().any(|name| uri.contains(name)));
        known
            .filter_map(|(id, uri)| Some((id.split('/').next()?.parse().ok()?, uri)))
            .collect()
    }

    fn codec(&self) -> Value {
        if self.kind == "audio" {
            let payload_type = self.payload_type("opus");
            return json!({"payload_type": payload_type, "codec": "opus", "clock_rate": 48000, "rtx_payload_type": null});
        }
        let (vp8, rtx) = (self.payload_type("vp8"), self.payload_type("rtx"));
        json!({"payload_type": vp8, "codec": "vp8", "clock_rate": 90000, "rtx_payload_type": rtx})
    }
}

fn sections(offer: &str) -> Vec<Section<'_>> {
    let mut found: Vec<Section<'_>> = Vec::new();
    for line in offer.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            found.push(Section {
                kind: media.split(' ').next().unwrap(),
                lines: Vec::new(),
            });
        }
        if let Some(section) = found.last_mut() {
            section.lines.push(line);
        }
    }
    found
}

/// Answers `offer` for the server at `server`; `number` keeps sessions apart, `dtls` as in the session.
pub fn answer(
    offer: &str,
    server: SocketAddr,
    fingerprint: &str,
    number: u32,
    round: u32,
    dtls: &str,
    rights: u8,
) -> Answer {
    let sections = sections(offer);
    let first = &sections[0];
    let (ufrag, pwd) = (
        format!("srv{number:05}r{round}"),
        format!("passwordOfSession{number:05}r{round}"),
    );
    let mut sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE"
        .to_owned();
    for section in &sections {
        write!(sdp, " {}", section.value("a=mid:")).unwrap();
    }
    sdp += "\r\n";
    let (mut sends, mut slots) = (Vec::new(), Vec::new());
    let mut tracks = ["audio", "main", "screen"].into_iter();
    for (place, section) in sections.iter().enumerate() {
        let codec = section.codec();
        let (payload_type, rtx) = (&codec["payload_type"], &codec["rtx_payload_type"]);
        let types = if rtx.is_null() {
            payload_type.to_string()
        } else {
            format!("{payload_type} {rtx}")
        };
        let mid = section.value("a=mid:");
        write!(
            sdp,
            "m={} 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\n",
            section.kind
        )
        .unwrap();
        write!(sdp, "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:passive\r\n").unwrap();
        write!(
            sdp,
            "a=candidate:1 1 udp 2130706431 {} {} typ host\r\n",
            server.ip(),
            server.port()
        )
        .unwrap();
        if section.kind == "audio" {
            write!(sdp, "a=rtpmap:{payload_type} opus/48000/2\r\n").unwrap();
        } else {
            write!(sdp, "a=rtpmap:{payload_type} VP8/90000\r\na=rtcp-fb:{payload_type} nack\r\na=rtcp-fb:{payload_type} nack pli\r\n").unwrap();
            write!(
                sdp,
                "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={payload_type}\r\n"
            )
            .unwrap();
        }
        let extensions = section.extensions();
        for (id, uri) in &extensions {
            write!(sdp, "a=extmap:{id} {uri}\r\n").unwrap();
        }
        let extensions: Vec<Value> = extensions
            .iter()
            .map(|(id, uri)| json!({"id": id, "uri": uri}))
            .collect();
        if section.receives() {
            let ssrc = number * 1_000 + u32::try_from(place).unwrap() * 2 + 1;
            let rtx_ssrc = (section.kind == "video").then_some(ssrc + 1);
            sdp += "a=sendonly\r\n";
            if let Some(rtx_ssrc) = rtx_ssrc {
                write!(
                    sdp,
                    "a=ssrc-group:FID {ssrc} {rtx_ssrc}\r\na=ssrc:{rtx_ssrc} cname:server\r\n"
                )
                .unwrap();
            }
            write!(sdp, "a=ssrc:{ssrc} cname:server\r\n").unwrap();
            slots.push(json!({"mid": mid, "kind": section.kind, "ssrc": ssrc, "rtx_ssrc": rtx_ssrc, "codecs": [codec], "extensions": extensions}));
        } else {
            sdp += "a=recvonly\r\n";
            sends.push(json!({"mid": mid, "track": tracks.next().unwrap(), "codecs": [codec], "rids": [], "extensions": extensions, "ssrcs": []}));
        }
    }
    let session = json!({
        "local_ice": {"ufrag": ufrag, "pwd": pwd},
        "remote_ice": {"ufrag": first.value("a=ice-ufrag:"), "pwd": first.value("a=ice-pwd:")},
        "remote_fingerprint": first.value("a=fingerprint:sha-256 "),
        "dtls": dtls, "rights": rights, "sends": sends, "slots": slots,
    });
    Answer {
        sdp,
        session: serde_json::from_value(session).unwrap(),
    }
}
