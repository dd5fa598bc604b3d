// SPDX-License-Identifier: Apache-2.0
//! The bounds of a session. Python checked the offer already; this is the second lock on the same door.

use thiserror::Error;

use super::{CodecParameters, Credentials, ExtensionId, Kind, ReceiveSlot, SendTrack, Session};

const MAX_SENDS: usize = 8;
const MAX_SLOTS: usize = 64;
const MAX_CODECS: usize = 16;
const MAX_RIDS: usize = 3;
const MAX_EXTENSIONS: usize = 32;
const MAX_SSRCS: usize = 16;
const MAX_TOKEN: usize = 16;
const MAX_URI: usize = 256;

/// Why a session was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SessionError {
    /// Length or characters of a user name fragment or password.
    #[error("bad_ice_credentials: ufrag needs 4-256 and pwd 22-256 ice-chars; send a new offer")]
    IceCredentials,
    /// Not 32 bytes as `AB:CD:..`.
    #[error("bad_fingerprint: the offer needs a sha-256 fingerprint")]
    Fingerprint,
    /// More entries than allowed, or none where one is needed.
    #[error("bad_count: too many or too few {0}")]
    Count(&'static str),
    /// An identifier that is empty, too long or has wrong characters.
    #[error("bad_token: {0} must be 1-16 letters, digits, '-' or '_'")]
    Token(&'static str),
    /// Two entries with the same key.
    #[error("duplicate: {0} occurs twice")]
    Duplicate(&'static str),
    /// A number outside its range.
    #[error("out_of_range: {0}")]
    Range(&'static str),
    /// A codec that does not belong to the kind of its section.
    #[error("codec_kind: an audio codec in a video section or the reverse")]
    CodecKind,
    /// One number that means two things in one session.
    #[error("conflict: one {0} has two meanings in the bundle")]
    Conflict(&'static str),
    /// An update that changes what must stay for the life of the peer.
    #[error("not_an_update: {0} must stay the same; enter again instead")]
    Changed(&'static str),
    /// The ciphers could not be set up.
    #[error("cipher_failure: the cipher library refused a key; enter again")]
    Cipher,
}

impl Session {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn validate(&self) -> Result<(), SessionError> {
        check_credentials(&self.local_ice)?;
        check_credentials(&self.remote_ice)?;
        parse_fingerprint(&self.remote_fingerprint)?;
        count("sends", self.sends.len(), MAX_SENDS)?;
        count("slots", self.slots.len(), MAX_SLOTS)?;
        self.sends.iter().try_for_each(check_send)?;
        self.slots.iter().try_for_each(check_slot)?;
        self.check_unique()?;
        self.check_bundle()
    }

    fn check_unique(&self) -> Result<(), SessionError> {
        let mids = self
            .sends
            .iter()
            .map(|s| &s.mid)
            .chain(self.slots.iter().map(|s| &s.mid));
        unique("mid", mids)?;
        unique("track", self.sends.iter().map(|s| s.track))?;
        let slots = self
            .slots
            .iter()
            .flat_map(|s| std::iter::once(s.ssrc).chain(s.rtx_ssrc));
        unique(
            "ssrc",
            slots.chain(self.sends.iter().flat_map(|s| s.ssrcs.iter().copied())),
        )
    }

    /// All sections share one transport, so an extension id has one meaning in all that the peer sends.
    fn check_bundle(&self) -> Result<(), SessionError> {
        let mut uris: [Option<&str>; 256] = [None; 256];
        for extension in self.sends.iter().flat_map(|s| &s.extensions) {
            let Some(known) = uris.get_mut(usize::from(extension.id)) else {
                continue;
            };
            if known.is_some_and(|uri| uri != extension.uri) {
                return Err(SessionError::Conflict("extension id"));
            }
            *known = Some(&extension.uri);
        }
        Ok(())
    }
}

/// The 32 bytes of `AB:CD:..`, in either case.
pub(crate) fn parse_fingerprint(text: &str) -> Result<[u8; 32], SessionError> {
    let mut bytes = [0_u8; 32];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next().ok_or(SessionError::Fingerprint)?;
        if part.len() != 2 || !part.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(SessionError::Fingerprint);
        }
        *byte = u8::from_str_radix(part, 16).map_err(|_| SessionError::Fingerprint)?;
    }
    if parts.next().is_some() {
        Err(SessionError::Fingerprint)
    } else {
        Ok(bytes)
    }
}

fn check_credentials(credentials: &Credentials) -> Result<(), SessionError> {
    let ice_chars = |text: &str| {
        text.bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
    };
    let lengths =
        (4..=256).contains(&credentials.ufrag.len()) && (22..=256).contains(&credentials.pwd.len());
    if lengths && ice_chars(&credentials.ufrag) && ice_chars(&credentials.pwd) {
        Ok(())
    } else {
        Err(SessionError::IceCredentials)
    }
}

fn check_send(send: &SendTrack) -> Result<(), SessionError> {
    token("mid", &send.mid)?;
    count("rids", send.rids.len(), MAX_RIDS)?;
    count("ssrcs", send.ssrcs.len(), MAX_SSRCS)?;
    send.rids.iter().try_for_each(|rid| token("rid", rid))?;
    unique("rid", send.rids.iter())?;
    check_extensions(&send.extensions)?;
    check_codecs(&send.codecs, send.track.kind())
}

fn check_slot(slot: &ReceiveSlot) -> Result<(), SessionError> {
    token("mid", &slot.mid)?;
    if slot.ssrc == 0 || slot.rtx_ssrc == Some(0) {
        return Err(SessionError::Range("ssrc 0"));
    }
    check_extensions(&slot.extensions)?;
    check_codecs(&slot.codecs, slot.kind)
}

fn check_codecs(codecs: &[CodecParameters], kind: Kind) -> Result<(), SessionError> {
    if codecs.is_empty() {
        return Err(SessionError::Count("codecs"));
    }
    count("codecs", codecs.len(), MAX_CODECS)?;
    for codec in codecs {
        check_codec(codec, kind)?;
    }
    unique(
        "payload type",
        codecs
            .iter()
            .flat_map(|c| std::iter::once(c.payload_type).chain(c.rtx_payload_type)),
    )
}

fn check_codec(codec: &CodecParameters, kind: Kind) -> Result<(), SessionError> {
    // 64 to 95 would look like RTCP on a shared port (RFC 5761 section 4).
    let usable = |pt: u8| pt < 64 || (96..128).contains(&pt);
    if !usable(codec.payload_type) || !codec.rtx_payload_type.is_none_or(usable) {
        return Err(SessionError::Range("payload type"));
    }
    if !(8_000..=192_000).contains(&codec.clock_rate) {
        return Err(SessionError::Range("clock rate"));
    }
    let audio = matches!(codec.codec, rtp::Codec::Opus | rtp::Codec::Red);
    if audio == (kind == Kind::Audio) {
        Ok(())
    } else {
        Err(SessionError::CodecKind)
    }
}

fn check_extensions(extensions: &[ExtensionId]) -> Result<(), SessionError> {
    count("extensions", extensions.len(), MAX_EXTENSIONS)?;
    for extension in extensions {
        if extension.id == 0 || extension.id == 15 {
            return Err(SessionError::Range("extension id"));
        }
        let printable = extension.uri.bytes().all(|c| c.is_ascii_graphic());
        if extension.uri.is_empty() || extension.uri.len() > MAX_URI || !printable {
            return Err(SessionError::Range("extension uri"));
        }
    }
    unique("extension id", extensions.iter().map(|e| e.id))
}

fn token(name: &'static str, text: &str) -> Result<(), SessionError> {
    let characters = text
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    if characters && (1..=MAX_TOKEN).contains(&text.len()) {
        Ok(())
    } else {
        Err(SessionError::Token(name))
    }
}

fn count(name: &'static str, have: usize, most: usize) -> Result<(), SessionError> {
    if have <= most {
        Ok(())
    } else {
        Err(SessionError::Count(name))
    }
}

/// Quadratic, over a few dozen entries at most, once per join.
fn unique<T: PartialEq>(
    name: &'static str,
    items: impl Iterator<Item = T> + Clone,
) -> Result<(), SessionError> {
    let mut rest = items;
    while let Some(item) = rest.next() {
        if rest.clone().any(|other| other == item) {
            return Err(SessionError::Duplicate(name));
        }
    }
    Ok(())
}
