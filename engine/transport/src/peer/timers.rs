// SPDX-License-Identifier: Apache-2.0
//! What happens because time passed.

use std::time::{Duration, Instant};

use super::control::Records;
use super::{Peer, State};
use crate::egress::Egress;
use crate::face::CloseReason;

/// Time between reports: browsers give up simulcast layers without them.
const REPORT: Duration = Duration::from_secs(1);
/// Time between transport-wide feedback while packets come: shorter lets the sender's estimate follow faster, and costs
/// a packet each.
const FEEDBACK: Duration = Duration::from_millis(50);

/// When what is due; the rest of the deadlines lies with agent, association and repair.
pub(super) struct Timers {
    join: Option<Instant>,
    report: Option<Instant>,
    feedback: Option<Instant>,
    key_frame: Option<Instant>,
}

impl Timers {
    pub(super) const fn new(join: Instant) -> Self {
        Self {
            join: Some(join),
            report: None,
            feedback: None,
            key_frame: None,
        }
    }

    pub(super) fn keyed(&mut self, now: Instant) {
        self.report = Some(now + REPORT);
    }

    pub(super) fn packet_came(&mut self, now: Instant) {
        if self.feedback.is_none() {
            self.feedback = Some(now + FEEDBACK);
        }
    }

    pub(super) fn ask_key_frame(&mut self, now: Instant) {
        self.key_frame.get_or_insert(now);
    }
}

fn is_due(timer: Option<Instant>, now: Instant) -> bool {
    timer.is_some_and(|due| due <= now)
}

impl Peer {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let timers = &self.timers;
        let own = [
            timers.join,
            timers.report,
            timers.feedback,
            timers.key_frame,
        ];
        let others = [
            self.agent.deadline(),
            self.association.deadline(),
            self.incoming.nack_due(),
        ];
        own.into_iter().chain(others).flatten().min()
    }

    pub(super) fn run_timers(&mut self, now: Instant, tx: &mut Egress<'_>) {
        if self.state == State::Closed {
            return;
        }
        self.send_checks(now, tx);
        self.run_handshake(now, tx);
        if is_due(self.timers.join, now) {
            self.timers.join = None;
            // Keys without a path are no connection: nobody would notice the end of consent.
            if self.state == State::Joining || self.agent.selected().is_none() {
                self.end(CloseReason::HandshakeTimeout);
            }
        }
        if self.state == State::Connected {
            self.run_rtcp(now, tx);
        }
    }

    fn run_handshake(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let path = self.agent.selected().or(self.dtls_path);
        let mut records = Records {
            agent: &mut self.agent,
            held: &mut self.held,
            path,
            tx,
        };
        match self
            .association
            .on_deadline(now, &mut |record| records.send(now, record))
        {
            Ok(None) => {}
            Ok(Some(established)) => {
                if let Err(reason) = self.connect(now, &established) {
                    self.end(reason);
                }
            }
            Err(reason) => self.end(reason),
        }
    }

    fn run_rtcp(&mut self, now: Instant, tx: &mut Egress<'_>) {
        if is_due(self.timers.report, now) {
            self.timers.report = Some(now + REPORT);
            self.send_reports(now, tx);
        }
        if is_due(self.timers.feedback, now) {
            self.timers.feedback = None;
            self.send_feedback(tx);
        }
        if is_due(self.incoming.nack_due(), now) {
            self.send_nacks(now, tx);
        }
        if is_due(self.timers.key_frame, now) {
            self.timers.key_frame = None;
            self.send_key_frame_requests(tx);
        }
    }
}
