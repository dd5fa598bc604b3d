// SPDX-License-Identifier: Apache-2.0
//! One member's peer connection, without socket and clock.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sframe::{Codec, Refusal, Track};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsVersion;
use str0m::format::Codec as Format;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc, RtcConfig, RtcError};
use thiserror::Error;

use crate::keys::Keys;
use crate::packets::{Reassembly, Vp8Packets};
use crate::sections::Sections;
use crate::waiting::Waiting;

/// Key frames are asked for at most this often per slot.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(500);
/// Events that wait for a collector; beyond it only what says that the connection came or went is kept.
const MOST_EVENTS: usize = 4_096;

/// What a client is made with.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// Audio receive slots.
    pub audio_slots: usize,
    /// Video receive slots.
    pub video_slots: usize,
    /// DTLS 1.3 instead of 1.2.
    pub dtls_1_3: bool,
    /// Tells video frames as they came, too ([`Event::Sealed`]).
    pub keep_sealed: bool,
}

impl Default for ClientConfig {
    /// As the web SDK offers at first.
    fn default() -> Self {
        Self {
            audio_slots: 6,
            video_slots: 12,
            dtls_1_3: false,
            keep_sealed: false,
        }
    }
}

/// Why the client did not do it.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The WebRTC library refused.
    #[error("client_rtc: {0}")]
    Rtc(#[from] RtcError),
    /// The answer cannot be read.
    #[error(
        "client_answer: the server's answer cannot be read; compare the versions of both sides"
    )]
    Answer,
    /// No offer waits for an answer.
    #[error("client_no_offer: no offer waits for an answer; make one first")]
    NoOffer,
    /// A local address cannot be used.
    #[error("client_address: the local address cannot be used for media")]
    Address,
    /// No socket or thread could be had.
    #[error("client_io: {0}")]
    Io(#[from] std::io::Error),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Media may flow.
    Connected,
    /// The connection is over.
    Closed,
    /// Somebody needs a key frame of ours.
    KeyFrame(Track),
    /// A frame opened.
    Frame {
        /// Receive slot.
        slot: usize,
        /// The sender's place in the roster.
        index: u16,
        /// The sender's track.
        track: Track,
        /// Its codec.
        codec: Codec,
        /// RTP timestamp.
        timestamp: u32,
        /// The frame as the encoder put it out.
        data: Vec<u8>,
    },
    /// A video frame as the operator handed it over, before it is opened.
    Sealed {
        /// Receive slot.
        slot: usize,
        /// RTP timestamp.
        timestamp: u32,
        /// What the packets held.
        data: Vec<u8>,
    },
    /// A frame did not open.
    Refused {
        /// Receive slot.
        slot: usize,
        /// Why.
        reason: Refusal,
    },
}

/// A datagram to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Where to.
    pub destination: SocketAddr,
    /// Its bytes.
    pub contents: Vec<u8>,
}

/// Counters of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Frames sealed and sent.
    pub frames_sent: u64,
    /// Frames dropped: no secret yet, not connected, or malformed.
    pub frames_dropped: u64,
    /// Frames that opened.
    pub frames_opened: u64,
    /// RTP packets sent, without retransmissions.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// Frames and other events that were not collected in time.
    pub events_dropped: u64,
}

#[derive(Default)]
struct Sending {
    next: u64,
    packets: Vp8Packets,
}

#[derive(Default)]
struct Slot {
    bound: Option<(u16, Option<Track>)>,
    frames: Reassembly,
    asked: Option<Instant>,
    /// Whether a key frame has opened since something was missing: frames after it can be shown.
    whole: bool,
    lost: u64,
    waiting: Waiting<Came>,
}

/// A frame as it came, whole and still sealed.
struct Came {
    slot: usize,
    codec: Codec,
    ssrc: Ssrc,
    timestamp: u32,
    sealed: Vec<u8>,
}

/// One member's peer connection. **Sealed or nothing**: a frame without a key is dropped.
pub struct Client {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    offer: SdpOffer,
    sections: Sections,
    types: HashMap<Codec, Pt>,
    sending: HashMap<Track, Sending>,
    slots: Vec<Slot>,
    /// The member's keys.
    pub keys: Keys,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<Event>,
    deadline: Instant,
    connected: bool,
    keep_sealed: bool,
    stats: Stats,
}

impl Client {
    /// A client with its first offer made.
    ///
    /// # Errors
    /// If the library makes no offer.
    pub fn new(now: Instant, config: ClientConfig) -> Result<Self, ClientError> {
        str0m::crypto::from_feature_flags().install_process_default();
        let mut settings = RtcConfig::new().set_rtp_mode(true).clear_codecs();
        settings.codec_config().enable_opus(true, false);
        settings.codec_config().enable_vp8(true);
        if config.dtls_1_3 {
            settings = settings.set_dtls_version(DtlsVersion::Dtls13);
        }
        let type_of = |settings: &mut RtcConfig, format: Format| {
            settings
                .codec_config()
                .find(|params| params.spec().codec == format)
                .map(str0m::format::PayloadParams::pt)
        };
        let types = [(Codec::Opus, Format::Opus), (Codec::Vp8, Format::Vp8)];
        let types = types
            .into_iter()
            .filter_map(|(codec, format)| Some((codec, type_of(&mut settings, format)?)))
            .collect();
        let mut rtc = settings.build(now);
        let mut change = rtc.sdp_api();
        let mut add = |kind, direction| change.add_media(kind, direction, None, None, None);
        let sends = vec![
            (Track::Audio, add(MediaKind::Audio, Direction::SendOnly)),
            (Track::Main, add(MediaKind::Video, Direction::SendOnly)),
            (Track::Screen, add(MediaKind::Video, Direction::SendOnly)),
        ];
        let audio = (0..config.audio_slots).map(|_| (Codec::Opus, MediaKind::Audio));
        let video = (0..config.video_slots).map(|_| (Codec::Vp8, MediaKind::Video));
        let slots: Vec<_> = audio
            .chain(video)
            .map(|(codec, kind)| (codec, add(kind, Direction::RecvOnly)))
            .collect();
        let (offer, pending) = change.apply().ok_or(ClientError::NoOffer)?;
        let mut client = Self {
            rtc,
            pending: Some(pending),
            offer,
            slots: slots.iter().map(|_| Slot::default()).collect(),
            sections: Sections { sends, slots },
            types,
            sending: HashMap::new(),
            keys: Keys::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            deadline: now,
            connected: false,
            keep_sealed: config.keep_sealed,
            stats: Stats::default(),
        };
        client.settle(now)?;
        Ok(client)
    }

    /// The offer that waits for an answer, or was answered last.
    #[must_use]
    pub fn offer(&self) -> String {
        self.offer.to_sdp_string()
    }

    /// Media section ids of what we send.
    pub fn sends(&self) -> impl Iterator<Item = (String, Track)> + '_ {
        self.sections
            .sends
            .iter()
            .map(|(track, mid)| (mid.to_string(), *track))
    }

    /// Offers again with new ICE credentials.
    ///
    /// # Errors
    /// If an offer waits already.
    pub fn restart_ice(&mut self, now: Instant) -> Result<(), ClientError> {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().ok_or(ClientError::NoOffer)?;
        (self.offer, self.pending) = (offer, Some(pending));
        self.settle(now)
    }

    /// Takes the server's answer. `local` is the address that datagrams will leave from; connecting begins.
    ///
    /// # Errors
    /// If the answer cannot be read or does not fit the offer.
    pub fn accept(
        &mut self,
        now: Instant,
        answer: &str,
        local: SocketAddr,
    ) -> Result<(), ClientError> {
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|_| ClientError::Answer)?;
        let pending = self.pending.take().ok_or(ClientError::NoOffer)?;
        let candidate = Candidate::host(local, Protocol::Udp).map_err(|_| ClientError::Address)?;
        self.rtc.add_local_candidate(candidate);
        self.settle(now)?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.settle(now)
    }

    /// What a video slot may show: frames of this roster index and track; `None` shows nothing. What it shows already goes on.
    pub fn bind(&mut self, slot: usize, source: Option<(u16, Track)>) {
        let bound = source.map(|(index, track)| (index, Some(track)));
        if let Some(slot) = self.slots.get_mut(slot).filter(|slot| slot.bound != bound) {
            slot.bound = bound;
            slot.frames = Reassembly::default();
            slot.waiting = Waiting::default();
            (slot.whole, slot.lost) = (false, 0);
        }
    }

    /// Takes a secret as [`Keys::add_secret`] does, and opens what waited for it.
    pub fn add_secret(
        &mut self,
        now: Instant,
        (epoch, step): (u64, u8),
        bytes: &[u8],
        after_removal: bool,
        after: Duration,
    ) -> bool {
        let keys = &mut self.keys;
        let taken = keys.add_secret(now, epoch, step, bytes, after_removal, after);
        self.retry(now);
        taken
    }

    /// Seals, packetises and sends one frame. False if it was dropped.
    ///
    /// # Errors
    /// If the library refuses a packet.
    pub fn send(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        frame: &[u8],
        timestamp: u32,
    ) -> Result<bool, ClientError> {
        let sealed = if self.connected {
            self.keys.seal(now, track, codec, frame)
        } else {
            None
        };
        let (Some(Ok(sealed)), Some(mid)) = (sealed, self.sections.mid_of(track)) else {
            self.stats.frames_dropped += 1;
            return Ok(false);
        };
        let Some(payload_type) = self.types.get(&codec).copied() else {
            self.stats.frames_dropped += 1;
            return Ok(false);
        };
        let sending = self.sending.entry(track).or_default();
        let payloads: Vec<Vec<u8>> = match codec {
            Codec::Vp8 => sending.packets.split(&sealed).collect(),
            _ => vec![sealed],
        };
        let count = payloads.len();
        for (place, payload) in payloads.into_iter().enumerate() {
            self.write(
                now,
                mid,
                track,
                payload_type,
                timestamp,
                place + 1 == count,
                payload,
            )?;
        }
        self.stats.frames_sent += 1;
        Ok(true)
    }

    #[allow(clippy::too_many_arguments)]
    fn write(
        &mut self,
        now: Instant,
        mid: Mid,
        track: Track,
        pt: Pt,
        timestamp: u32,
        marker: bool,
        payload: Vec<u8>,
    ) -> Result<(), ClientError> {
        let sending = self.sending.entry(track).or_default();
        let sequence = sending.next;
        sending.next += 1;
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else {
            return Ok(());
        };
        let write = RtpWrite::new(pt, sequence.into(), timestamp, now, payload);
        stream.write_rtp(
            write
                .marker(marker && track != Track::Audio)
                .nackable(track != Track::Audio),
        );
        self.stats.packets_sent += 1;
        self.settle(now)
    }

    /// Takes one datagram.
    ///
    /// # Errors
    /// If the library gives up the connection.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), ClientError> {
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, bytes) else {
            return Ok(());
        };
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.settle(now)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// As [`Client::handle_datagram`].
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ClientError> {
        self.keys.sweep(now);
        if self.deadline <= now {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        self.retry(now);
        self.settle(now)
    }

    /// When [`Client::handle_timeout`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let waiting = self.slots.iter().filter_map(|slot| slot.waiting.deadline());
        waiting
            .min()
            .map_or(self.deadline, |at| at.min(self.deadline))
    }

    /// The next datagram to be sent.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether something waits to be polled.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Ends the connection.
    pub fn close(&mut self) {
        self.rtc.disconnect();
        self.connected = false;
    }

    /// The connection was given up.
    pub(crate) fn end(&mut self) {
        self.connected = false;
        self.tell(Event::Closed);
    }

    /// The library takes one change at a time and wants to be asked for everything after each.
    fn settle(&mut self, now: Instant) -> Result<(), ClientError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) if at <= now => self.rtc.handle_input(Input::Timeout(now))?,
                Output::Timeout(at) => {
                    self.deadline = at;
                    // The server said goodbye (DTLS close_notify): the library only falls silent.
                    if self.connected && !self.rtc.is_alive() {
                        self.end();
                    }
                    return Ok(());
                }
                Output::Transmit(transmit) => self.outgoing.push_back(Outgoing {
                    destination: transmit.destination,
                    contents: transmit.contents.to_vec(),
                }),
                Output::Event(event) => self.on_event(now, event),
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: RtcEvent) {
        match event {
            RtcEvent::Connected => {
                self.connected = true;
                self.tell(Event::Connected);
            }
            RtcEvent::IceConnectionStateChange(state)
                if state.is_disconnected() && self.connected =>
            {
                self.end();
            }
            RtcEvent::KeyframeRequest(request) => {
                if let Some(track) = self.sections.track_of(request.mid) {
                    self.tell(Event::KeyFrame(track));
                }
            }
            RtcEvent::RtpPacket(packet) => self.on_packet(now, &packet),
            _ => {}
        }
    }

    fn on_packet(&mut self, now: Instant, packet: &RtpPacket) {
        self.stats.packets_received += 1;
        let ssrc = packet.header.ssrc;
        let mid = self
            .rtc
            .direct_api()
            .stream_rx(&ssrc)
            .map(|stream| stream.mid());
        let Some((number, codec)) = mid.and_then(|mid| self.sections.slot_of(mid)) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        let timestamp = packet.header.timestamp;
        let whole = match codec {
            Codec::Vp8 => slot.frames.push(
                *packet.seq_no,
                timestamp,
                packet.header.marker,
                &packet.payload,
            ),
            _ => Some((timestamp, packet.payload.to_vec())),
        };
        let Some((timestamp, sealed)) = whole else {
            return;
        };
        if self.keep_sealed && codec != Codec::Opus {
            let data = sealed.clone();
            self.tell(Event::Sealed {
                slot: number,
                timestamp,
                data,
            });
        }
        let came = Came {
            slot: number,
            codec,
            ssrc,
            timestamp,
            sealed,
        };
        self.judge(now, now, came);
    }

    /// Opens a frame that came at `since`, lets it wait for its key, or refuses it.
    fn judge(&mut self, now: Instant, since: Instant, came: Came) {
        let (number, ssrc) = (came.slot, came.ssrc);
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        // A video slot shows what it was bound to; an audio slot whom the server put there, told by the key id.
        let (track, bound) = match (came.codec, slot.bound) {
            (Codec::Vp8, Some((index, Some(track)))) => (track, Some(index)),
            (Codec::Vp8, _) => return self.refuse(now, number, ssrc, Refusal::WrongSender),
            _ => (Track::Audio, None),
        };
        let keys = &mut self.keys;
        match keys.try_open(now, track, came.codec, bound, &came.sealed) {
            Ok(opened) => {
                self.stats.frames_opened += 1;
                if came.codec == Codec::Vp8 {
                    self.follow(now, number, ssrc, &opened.frame);
                }
                self.tell(Event::Frame {
                    slot: number,
                    index: opened.index,
                    track,
                    codec: came.codec,
                    timestamp: came.timestamp,
                    data: opened.frame,
                });
            }
            Err(Refusal::NoKey) => {
                if slot.waiting.keep(now, since, came).is_err() {
                    self.keys.count(Refusal::NoKey);
                    self.refuse(now, number, ssrc, Refusal::NoKey);
                }
            }
            Err(reason) => {
                self.keys.count(reason);
                self.refuse(now, number, ssrc, reason);
            }
        }
    }

    /// Tries again what waits for a key.
    fn retry(&mut self, now: Instant) {
        for number in 0..self.slots.len() {
            let waiting = self.slots.get_mut(number).map(|slot| slot.waiting.take());
            for (since, came) in waiting.into_iter().flatten() {
                self.judge(now, since, came);
            }
        }
    }

    /// Asks for a key frame while what opens builds on frames that are missing here.
    fn follow(&mut self, now: Instant, number: usize, ssrc: Ssrc, frame: &[u8]) {
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        let lost = slot.frames.lost();
        if lost > slot.lost {
            (slot.whole, slot.lost) = (false, lost);
        }
        // RFC 6386 section 9.1: the lowest bit is 0 in a key frame.
        slot.whole |= frame.first().is_some_and(|first| first & 1 == 0);
        if !slot.whole {
            self.ask_for_key_frame(now, number, ssrc);
        }
    }

    fn ask_for_key_frame(&mut self, now: Instant, number: usize, ssrc: Ssrc) {
        if let Some(slot) = self.slots.get_mut(number)
            && slot
                .asked
                .is_none_or(|asked| now >= asked + KEY_FRAME_PAUSE)
        {
            slot.asked = Some(now);
            if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    fn refuse(&mut self, now: Instant, number: usize, ssrc: Ssrc, reason: Refusal) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.whole = false;
        }
        if reason == Refusal::NoKey {
            self.ask_for_key_frame(now, number, ssrc);
        }
        self.tell(Event::Refused {
            slot: number,
            reason,
        });
    }

    fn tell(&mut self, event: Event) {
        let stays = matches!(event, Event::Connected | Event::Closed);
        if self.events.len() >= MOST_EVENTS && !stays {
            self.stats.events_dropped += 1;
        } else {
            self.events.push_back(event);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
