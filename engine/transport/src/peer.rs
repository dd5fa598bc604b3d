// SPDX-License-Identifier: Apache-2.0
//! The server's transport of one peer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use ice::{Agent, AgentEvent, Path};
use rtp::twcc::TwccRecorder;
use srtp::{Receiver, Sender};

use crate::drops::DropCounters;
use crate::dtls::{Association, Established};
use crate::egress::Egress;
use crate::face::{CloseReason, Input, OutgoingRtp, PeerEvent, PeerTransport, RtpClock, Sent};
use crate::identity::DtlsIdentity;
use crate::incoming::{Incoming, SourceClock};
use crate::outgoing::Slot;
use crate::session::{Credentials, Rights, Session, SessionError, parse_fingerprint};

mod control;
mod datagram;
mod feedback;
mod measures;
mod media;
mod timers;

use control::Records;
use timers::Timers;

/// How long a peer may take from its session to its keys.
const JOIN: Duration = Duration::from_secs(30);
/// Events kept until they are drained. NACKs beyond are dropped: the peer asks again.
const MAX_EVENTS: usize = 256;

/// One peer: ICE agent, DTLS association, SRTP streams, RTCP.
///
/// Bounded in memory whatever the peer sends, and without an allocation per media packet once its streams are known.
pub struct Peer {
    origin: Instant,
    state: State,
    rights: Rights,
    ice: [Credentials; 2],
    fingerprint: [u8; 32],
    agent: Agent,
    association: Association,
    /// Where DTLS came from last: the handshake goes on there before a path is selected.
    dtls_path: Option<Path>,
    held: Vec<Box<[u8]>>,
    media: Option<Box<Media>>,
    /// Keys that wait for a path to be selected before anybody is told.
    established: Option<PeerEvent>,
    incoming: Incoming,
    slots: Vec<Slot>,
    source_clock: SourceClock,
    /// Made with the first packet that has a number: a peer that only receives needs no ring.
    arrivals: Option<TwccRecorder>,
    /// By the peer's reports, and when.
    reported_rtt: Option<(Duration, Instant)>,
    timers: Timers,
    /// Names the server's end in RTCP.
    rtcp_ssrc: u32,
    cname: Box<str>,
    events: VecDeque<PeerEvent>,
    drops: DropCounters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Joining,
    Connected,
    Closed,
}

/// What the keys give.
struct Media {
    sender: Sender,
    receiver: Receiver,
}

impl Peer {
    /// A peer of which nothing has come yet. `seed` must be random and used once; ICE transaction ids, the RTCP SSRC and
    /// the CNAME are derived from it.
    ///
    /// # Errors
    /// The first bound of the session that does not hold.
    pub fn new(
        now: Instant,
        session: &Session,
        identity: &Arc<DtlsIdentity>,
        seed: &[u8; 32],
    ) -> Result<Self, SessionError> {
        session.validate()?;
        let (local, remote) = credentials(session)?;
        let fingerprint = parse_fingerprint(&session.remote_fingerprint)?;
        let (rtcp_ssrc, cname) = rtcp_names(seed, session);
        Ok(Self {
            origin: now,
            state: State::Joining,
            rights: session.rights,
            ice: [session.local_ice.clone(), session.remote_ice.clone()],
            fingerprint,
            agent: Agent::new(local, remote, seed),
            association: Association::new(Arc::clone(identity), session.dtls, fingerprint),
            dtls_path: None,
            held: Vec::new(),
            established: None,
            media: None,
            incoming: Incoming::new(session),
            slots: session.slots.iter().map(Slot::new).collect(),
            source_clock: SourceClock::new(now),
            arrivals: None,
            reported_rtt: None,
            timers: Timers::new(now + JOIN),
            rtcp_ssrc,
            cname,
            events: VecDeque::new(),
            drops: DropCounters::new(),
        })
    }

    /// What was dropped so far, by reason.
    #[must_use]
    pub const fn drops(&self) -> &DropCounters {
        &self.drops
    }

    /// Takes the keys of a finished handshake.
    fn connect(&mut self, now: Instant, established: &Established) -> Result<(), CloseReason> {
        let failed = |_| CloseReason::DtlsFailed;
        let mut sender = Sender::new(&established.write).map_err(failed)?;
        let receiver = Receiver::new(&established.read).map_err(failed)?;
        for slot in &mut self.slots {
            slot.attach(&mut sender).map_err(failed)?;
        }
        let profile = sender.profile();
        self.media = Some(Box::new(Media { sender, receiver }));
        self.state = State::Connected;
        self.timers.keyed(now);
        self.established = Some(PeerEvent::Connected {
            profile,
            dtls: established.version,
        });
        self.announce();
        Ok(())
    }

    /// Tells that media may flow, once there are both keys and a path.
    fn announce(&mut self) {
        if self.agent.selected().is_some() {
            self.events.extend(self.established.take());
        }
    }

    /// Ends the peer: from here on nothing is taken or sent.
    fn end(&mut self, reason: CloseReason) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.media = None;
            self.events.push_back(PeerEvent::Closed(reason));
        }
    }

    /// Acts on what the agent decided.
    fn follow_agent(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                AgentEvent::Selected(_) => self.events.push_back(PeerEvent::PathChanged),
                AgentEvent::ConsentLost => self.end(CloseReason::ConsentLost),
            }
        }
        self.announce();
    }

    fn emit(&mut self, event: PeerEvent) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn restart_if_asked(&mut self, session: &Session) -> Result<(), SessionError> {
        if self.ice[0] != session.local_ice {
            let (local, remote) = credentials(session)?;
            self.agent.restart(local, remote);
            self.ice = [session.local_ice.clone(), session.remote_ice.clone()];
        }
        Ok(())
    }

    /// Whether `session` may follow the one in force: tracks and slots are only added, the certificate stays, and ICE
    /// credentials change on both sides or on none.
    fn check_update(&self, session: &Session) -> Result<(), SessionError> {
        session.validate()?;
        if parse_fingerprint(&session.remote_fingerprint)? != self.fingerprint
            || session.dtls != self.association.version()
        {
            return Err(SessionError::Changed("DTLS association"));
        }
        let [local, remote] = &self.ice;
        if (*local != session.local_ice) != (*remote != session.remote_ice) {
            return Err(SessionError::Changed("one half of the ICE credentials"));
        }
        if !self.incoming.is_continued_by(&session.sends) {
            return Err(SessionError::Changed("tracks already agreed"));
        }
        let kept = self.slots.len() <= session.slots.len()
            && self
                .slots
                .iter()
                .zip(&session.slots)
                .all(|(slot, new)| slot.is_continued_by(new));
        if kept {
            Ok(())
        } else {
            Err(SessionError::Changed("slots already agreed"))
        }
    }

    fn add_slots(&mut self, session: &Session) -> Result<(), SessionError> {
        for slot in session.slots.iter().skip(self.slots.len()) {
            let mut slot = Slot::new(slot);
            if let Some(media) = &mut self.media {
                slot.attach(&mut media.sender)
                    .map_err(|_| SessionError::Cipher)?;
            }
            self.slots.push(slot);
        }
        Ok(())
    }
}

impl PeerTransport for Peer {
    fn on_datagram(
        &mut self,
        now: Instant,
        path: Path,
        buf: &mut [u8],
        tx: &mut Egress<'_>,
    ) -> Input {
        let taken = self.take_datagram(now, path, buf, tx);
        let input = taken.unwrap_or_else(Input::Dropped);
        if let Input::Dropped(reason) = input {
            self.drops.count(reason);
        }
        input
    }

    fn send_rtp(
        &mut self,
        now: Instant,
        out: &OutgoingRtp<'_>,
        payload: &[u8],
        tx: &mut Egress<'_>,
    ) -> Sent {
        let sent = self.write_rtp(now, out, payload, tx);
        if let Err(reason) = sent {
            self.drops.count(reason);
        }
        sent
    }

    fn set_slot_clock(&mut self, slot: u16, clock: RtpClock) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.set_clock(clock);
        }
    }

    fn clear_slot(&mut self, slot: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.clear();
        }
    }

    fn request_key_frame(&mut self, now: Instant, track: u8, layer: u8) {
        let wanted = self
            .incoming
            .layers
            .iter_mut()
            .find(|l| l.track == track && l.layer == layer);
        if let Some(layer) = wanted {
            layer.key_frame_wanted = true;
            self.timers.ask_key_frame(now);
        }
    }

    fn set_rights(&mut self, rights: Rights) {
        self.rights = rights;
    }

    fn update(&mut self, _now: Instant, session: &Session) -> Result<(), SessionError> {
        self.check_update(session)?;
        self.restart_if_asked(session)?;
        self.rights = session.rights;
        self.incoming.update(session);
        self.add_slots(session)
    }

    fn knows(&self, path: &Path) -> bool {
        self.agent.knows(path)
    }

    fn is_connected(&self) -> bool {
        self.state == State::Connected && self.agent.selected().is_some()
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn on_deadline(&mut self, now: Instant, tx: &mut Egress<'_>) {
        self.run_timers(now, tx);
    }

    fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    fn close(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let path = self.agent.selected().or(self.dtls_path);
        let mut records = Records {
            agent: &mut self.agent,
            held: &mut self.held,
            path,
            tx,
        };
        self.association
            .close(now, &mut |record| records.send(now, record));
        self.state = State::Closed;
        self.media = None;
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

fn credentials(session: &Session) -> Result<(ice::Credentials, ice::Credentials), SessionError> {
    let make = |c: &Credentials| {
        ice::Credentials::new(&c.ufrag, &c.pwd).map_err(|_| SessionError::IceCredentials)
    };
    Ok((make(&session.local_ice)?, make(&session.remote_ice)?))
}

/// An SSRC that no slot uses, and a CNAME (RFC 7022 section 4.2).
fn rtcp_names(seed: &[u8; 32], session: &Session) -> (u32, Box<str>) {
    let mut context = Context::new(&SHA256);
    context.update(b"sealroom rtcp names");
    context.update(seed);
    let hash = context.finish();
    let mut numbers = hash
        .as_ref()
        .chunks_exact(4)
        .filter_map(|chunk| chunk.try_into().ok())
        .map(u32::from_be_bytes);
    let used = |ssrc: u32| {
        session
            .slots
            .iter()
            .any(|slot| slot.ssrc == ssrc || slot.rtx_ssrc == Some(ssrc))
    };
    let ssrc = numbers.find(|ssrc| *ssrc != 0 && !used(*ssrc)).unwrap_or(1);
    let digit = |byte: &u8| char::from_digit(u32::from(byte % 32), 32).unwrap_or('0');
    let cname: String = hash.as_ref().iter().rev().take(16).map(digit).collect();
    (ssrc, cname.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
