// SPDX-License-Identifier: Apache-2.0
//! One member's peer connection, without socket and clock.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sframe::Track;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequest, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc};

use crate::config::{ClientConfig, RIDS, offered};
use crate::error::ClientError;
use crate::event::{Event, Outgoing, Stats};
use crate::keys::Keys;
use crate::receiving::Slot;
use crate::sections::Sections;
use crate::sending::Sending;

/// Events that wait for a collector; beyond it only what says that the connection came or went is kept.
const MOST_EVENTS: usize = 4_096;

/// One member's peer connection. **Sealed or nothing**, unless it was made with [`crate::Sealing::Off`]: a frame without
/// a key is dropped.
pub struct Client {
    pub(crate) config: ClientConfig,
    pub(crate) rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    offer: SdpOffer,
    pub(crate) sections: Sections,
    /// By track and layer.
    pub(crate) sending: HashMap<(Track, u8), Sending>,
    pub(crate) slots: Vec<Slot>,
    /// The member's keys.
    pub keys: Keys,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<Event>,
    deadline: Instant,
    pub(crate) connected: bool,
    pub(crate) stats: Stats,
}

impl Client {
    /// A client with its first offer made.
    ///
    /// # Errors
    /// If payload types cannot be used, or the library makes no offer.
    pub fn new(now: Instant, config: ClientConfig) -> Result<Self, ClientError> {
        let made = offered(now, &config)?;
        let mut client = Self {
            config,
            rtc: made.rtc,
            pending: Some(made.pending),
            offer: made.offer,
            slots: made
                .sections
                .slots
                .iter()
                .map(|_| Slot::default())
                .collect(),
            sections: made.sections,
            sending: HashMap::new(),
            keys: Keys::default(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            deadline: now,
            connected: false,
            stats: Stats::default(),
        };
        client.settle(now)?;
        Ok(client)
    }

    /// Begins another connection of the same member, with an offer of its own. **Keys stay, so that no counter starts
    /// anew**; slots are empty.
    ///
    /// # Errors
    /// As [`Client::new`]; the connection before stays then.
    pub fn renew(&mut self, now: Instant) -> Result<(), ClientError> {
        let mut fresh = Self::new(now, self.config)?;
        std::mem::swap(&mut fresh.keys, &mut self.keys);
        fresh.stats = self.stats;
        *self = fresh;
        Ok(())
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
        if self.pending.is_some() {
            return Err(ClientError::NoOffer);
        }
        let mut change = self.rtc.sdp_api();
        change.ice_restart(true);
        let (offer, pending) = change.apply().ok_or(ClientError::NoOffer)?;
        (self.offer, self.pending) = (offer, Some(pending));
        self.settle(now)
    }

    /// Offers again with more video slots behind those that are there. A connection begun later has them from the start.
    ///
    /// # Errors
    /// If an offer waits already.
    pub fn add_slots(&mut self, now: Instant, count: usize) -> Result<(), ClientError> {
        if self.pending.is_some() {
            return Err(ClientError::NoOffer);
        }
        let mut change = self.rtc.sdp_api();
        let kind = MediaKind::Video;
        let added: Vec<_> = (0..count)
            .map(|_| change.add_media(kind, Direction::RecvOnly, None, None, None))
            .collect();
        let (offer, pending) = change.apply().ok_or(ClientError::NoOffer)?;
        (self.offer, self.pending) = (offer, Some(pending));
        self.config.video_slots += count;
        self.slots.extend(added.iter().map(|_| Slot::default()));
        let sections = added.into_iter().map(|mid| (kind, mid));
        self.sections.slots.extend(sections);
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

    /// Takes a secret as [`Keys::add_secret`] does, and opens what waited for it.
    pub fn add_secret(
        &mut self,
        now: Instant,
        version: (u64, u8),
        bytes: &[u8],
        after_removal: bool,
        after: Duration,
    ) -> bool {
        let (epoch, step) = version;
        // No thread calls for us between two connections, and what is past its time goes then, too.
        self.keys.sweep(now);
        let keys = &mut self.keys;
        let taken = keys.add_secret(now, epoch, step, bytes, after_removal, after);
        self.retry(now);
        taken
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
        self.stats.bytes_received += bytes.len() as u64;
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
    pub(crate) fn settle(&mut self, now: Instant) -> Result<(), ClientError> {
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
                Output::Transmit(transmit) => {
                    self.stats.bytes_sent += transmit.contents.len() as u64;
                    self.outgoing.push_back(Outgoing {
                        destination: transmit.destination,
                        contents: transmit.contents.to_vec(),
                    });
                }
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
            RtcEvent::KeyframeRequest(request) => self.key_frame_wanted(&request),
            RtcEvent::RtpPacket(packet) => self.on_packet(now, &packet),
            _ => {}
        }
    }

    fn key_frame_wanted(&mut self, request: &KeyframeRequest) {
        let Some(track) = self.sections.track_of(request.mid) else {
            return;
        };
        let named = |rid: &str| request.rid.is_some_and(|asked| &*asked == rid);
        let layer = RIDS.iter().position(|rid| named(rid)).unwrap_or(0);
        let layer = u8::try_from(layer).unwrap_or(0);
        self.tell(Event::KeyFrame { track, layer });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let stays = matches!(event, Event::Connected | Event::Closed);
        if self.events.len() >= MOST_EVENTS && !stays {
            self.stats.events_dropped += 1;
        } else {
            self.events.push_back(event);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
