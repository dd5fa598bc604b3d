// SPDX-License-Identifier: Apache-2.0
//! Header extensions that a room carries from publisher to subscriber. Their ids differ on both sides, so they are
//! kept by kind; all others are between one peer and the server and end here.

use rtp::{ExtensionKind, Header};
use transport::session::ExtensionId;

/// Longest abs-capture-time: timestamp and clock offset.
const CAPTURE_TIME: usize = 16;

/// The ids a publisher uses for what is carried; 0 where it uses none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CarriedIds {
    audio_level: u8,
    video_orientation: u8,
    playout_delay: u8,
    capture_time: u8,
}

impl CarriedIds {
    pub(crate) fn agreed(extensions: &[ExtensionId]) -> Self {
        let mut ids = Self::default();
        for extension in extensions {
            match ExtensionKind::from_uri(&extension.uri) {
                Some(ExtensionKind::AudioLevel) => ids.audio_level = extension.id,
                Some(ExtensionKind::VideoOrientation) => ids.video_orientation = extension.id,
                Some(ExtensionKind::PlayoutDelay) => ids.playout_delay = extension.id,
                Some(ExtensionKind::AbsCaptureTime) => ids.capture_time = extension.id,
                _ => {}
            }
        }
        ids
    }
}

/// The values of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    audio_level: Option<[u8; 1]>,
    video_orientation: Option<[u8; 1]>,
    playout_delay: Option<[u8; 3]>,
    capture_time: [u8; CAPTURE_TIME],
    capture_time_len: u8,
}

/// Kind and value, as [`transport::OutgoingRtp`] takes them.
pub(crate) type List<'a> = [(ExtensionKind, &'a [u8]); 4];

impl Carried {
    pub(crate) const NONE: Self = Self {
        audio_level: None,
        video_orientation: None,
        playout_delay: None,
        capture_time: [0; CAPTURE_TIME],
        capture_time_len: 0,
    };

    /// To be filled by [`Carried::list`].
    pub(crate) const EMPTY_LIST: List<'static> = [(ExtensionKind::AudioLevel, &[]); 4];

    /// Reads what is to be carried. A value of the wrong length is left out.
    pub(crate) fn read(header: &Header, buf: &[u8], ids: &CarriedIds) -> Self {
        let mut carried = Self::NONE;
        for (id, value) in header.extensions(buf).filter(|(id, _)| *id != 0) {
            if id == ids.audio_level {
                carried.audio_level = value.try_into().ok();
            } else if id == ids.video_orientation {
                carried.video_orientation = value.try_into().ok();
            } else if id == ids.playout_delay {
                carried.playout_delay = value.try_into().ok();
            } else if id == ids.capture_time && (value.len() == 8 || value.len() == CAPTURE_TIME) {
                carried.capture_time_len = value.len() as u8;
                if let Some(space) = carried.capture_time.get_mut(..value.len()) {
                    space.copy_from_slice(value);
                }
            }
        }
        carried
    }

    /// Lists what there is in `list` and returns that part of it.
    pub(crate) fn list<'a, 'l>(
        &'a self,
        list: &'l mut List<'a>,
    ) -> &'l [(ExtensionKind, &'a [u8])] {
        let capture_time = self
            .capture_time
            .get(..usize::from(self.capture_time_len))
            .unwrap_or_default();
        let values = [
            (
                ExtensionKind::AudioLevel,
                self.audio_level.as_ref().map(<[u8; 1]>::as_slice),
            ),
            (
                ExtensionKind::VideoOrientation,
                self.video_orientation.as_ref().map(<[u8; 1]>::as_slice),
            ),
            (
                ExtensionKind::PlayoutDelay,
                self.playout_delay.as_ref().map(<[u8; 3]>::as_slice),
            ),
            (
                ExtensionKind::AbsCaptureTime,
                Some(capture_time).filter(|value| !value.is_empty()),
            ),
        ];
        let mut used = 0;
        for (kind, value) in values {
            if let (Some(value), Some(place)) = (value, list.get_mut(used)) {
                *place = (kind, value);
                used += 1;
            }
        }
        list.get(..used).unwrap_or_default()
    }
}
