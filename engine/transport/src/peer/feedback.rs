// SPDX-License-Identifier: Apache-2.0
//! RTCP in both directions.

use std::time::{Duration, Instant};

use ice::Path;
use rtp::rtcp::{self, Packet, ReportBlock, SenderInfo};

use super::Peer;
use super::media::srtp_reason;
use crate::drops::DropReason;
use crate::egress::Egress;
use crate::face::PeerEvent;

/// Largest RTCP datagram before protection.
const MAX_COMPOUND: usize = 1_150;
/// Largest protection of all profiles.
const OVERHEAD: usize = 20;
/// Blocks in one receiver report.
const MAX_BLOCKS: usize = 31;
/// Sender reports in one compound: 28 bytes each and as much for the name.
const MAX_SENDERS: usize = 16;
/// Sequence numbers in one NACK.
const MAX_NACKED: usize = 128;
/// Feedback packets for one interval; more than one only after bursts.
const MAX_FEEDBACK: usize = 8;
/// Where our NTP times start. Only differences count, but a zero would mean "none", and a receiver that keeps times in
/// its system's form (`str0m`) cannot echo one of before 1970: this is one of 2019.
const NTP_START: u64 = 0xE000_0000 << 32;

impl Peer {
    pub(super) fn on_rtcp(
        &mut self,
        now: Instant,
        path: Path,
        buf: &mut [u8],
    ) -> Result<(), DropReason> {
        let media = self.media.as_mut().ok_or(DropReason::NotConnected)?;
        if !self.agent.knows(&path) {
            return Err(DropReason::UnknownPath);
        }
        let len = media
            .receiver
            .open_rtcp(buf)
            .map_err(|error| match srtp_reason(error) {
                DropReason::MalformedRtp => DropReason::MalformedRtcp,
                reason => reason,
            })?;
        for packet in rtcp::packets(buf.get(..len).unwrap_or_default()) {
            self.on_packet(now, &packet.map_err(|_| DropReason::MalformedRtcp)?);
        }
        Ok(())
    }

    fn on_packet(&mut self, now: Instant, packet: &Packet<'_>) {
        match packet {
            Packet::SenderReport(report) => {
                self.on_sender_info(now, &report.info);
                self.on_blocks(now, report.blocks);
            }
            Packet::ReceiverReport { blocks, .. } => self.on_blocks(now, *blocks),
            Packet::Nack(nack) => self.on_nack(nack),
            Packet::Pli { media_ssrc } => self.on_key_frame_request(*media_ssrc),
            Packet::Fir(fir) => fir
                .requests()
                .for_each(|(ssrc, _)| self.on_key_frame_request(ssrc)),
            // Of no use before the server estimates bandwidth, or of none at all.
            _ => {}
        }
    }

    fn on_sender_info(&mut self, now: Instant, info: &SenderInfo) {
        let Some(layer) = self
            .incoming
            .layers
            .iter_mut()
            .find(|layer| layer.ssrc == Some(info.ssrc))
        else {
            return;
        };
        layer.reception.on_sender_report(now, middle(info.ntp));
        let (track, layer) = (layer.track, layer.layer);
        if let Some(clock) = self
            .source_clock
            .on_sender_report(now, info.ntp, info.rtp_timestamp)
        {
            self.emit(PeerEvent::Clock {
                track,
                layer,
                clock,
            });
        }
    }

    fn on_blocks(&mut self, now: Instant, blocks: rtcp::ReportBlocks<'_>) {
        let time = middle(self.ntp(now));
        for block in blocks {
            let Some(slot) = self.slot_of(block.ssrc) else {
                continue;
            };
            let rtt = round_trip(time, &block);
            if let Some(rtt) = rtt {
                self.reported_rtt = Some((rtt, now));
            }
            if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
                slot.on_report(&block);
            }
            let (loss, jitter) = (block.fraction_lost, block.jitter);
            self.emit(PeerEvent::Feedback {
                slot,
                loss,
                rtt,
                jitter,
            });
        }
    }

    fn on_nack(&mut self, nack: &rtcp::Nack<'_>) {
        let Some(slot) = self.slot_of(nack.media_ssrc) else {
            return;
        };
        for sequence in nack.sequences().take(MAX_NACKED) {
            let sent = self
                .slots
                .get_mut(usize::from(slot))
                .and_then(|s| s.on_nack(sequence));
            if let Some(ext_sequence) = sent {
                self.emit(PeerEvent::Nack { slot, ext_sequence });
            }
        }
    }

    fn on_key_frame_request(&mut self, ssrc: u32) {
        if let Some(slot) = self.slot_of(ssrc) {
            if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
                slot.on_key_frame_request();
            }
            self.emit(PeerEvent::KeyFrameRequested { slot });
        }
    }

    fn slot_of(&self, ssrc: u32) -> Option<u16> {
        self.slots
            .iter()
            .position(|slot| slot.ssrc == ssrc)
            .and_then(|at| u16::try_from(at).ok())
    }

    /// A time as RTCP writes it, 32.32 bits; its start is arbitrary.
    fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NTP_START
            .wrapping_add(since.as_secs() << 32)
            .wrapping_add(fraction)
    }

    /// What was received, and of every slot in use what was sent, each compound with its names (RFC 3550 section 6.1).
    pub(super) fn send_reports(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let mut blocks = [ReportBlock::default(); MAX_BLOCKS];
        let mut count = 0;
        for layer in &mut self.incoming.layers {
            let Some(place) = blocks.get_mut(count) else {
                break;
            };
            if let Some(block) = layer.ssrc.and_then(|ssrc| layer.reception.block(now, ssrc)) {
                *place = block;
                count += 1;
            }
        }
        let (sender, blocks) = (self.rtcp_ssrc, blocks.get(..count).unwrap_or_default());
        self.send_rtcp(tx, |buf, cname| {
            let at = rtcp::write_receiver_report(buf, sender, blocks)?;
            Ok(at + rtcp::write_sdes_cname(buf.get_mut(at..).unwrap_or_default(), sender, cname)?)
        });
        self.send_sender_reports(now, tx);
    }

    fn send_sender_reports(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let ntp = self.ntp(now);
        let mut next = 0;
        while next < self.slots.len() {
            let mut infos = [SenderInfo::default(); MAX_SENDERS];
            let mut count = 0;
            while let (Some(slot), Some(place)) = (self.slots.get_mut(next), infos.get_mut(count)) {
                next += 1;
                if let Some(info) = slot.report(now, ntp) {
                    *place = info;
                    count += 1;
                }
            }
            let infos = infos.get(..count).unwrap_or_default();
            if !infos.is_empty() {
                self.send_rtcp(tx, |buf, cname| write_sender_reports(buf, infos, cname));
            }
        }
    }

    /// Transport-wide feedback on what came since the last.
    pub(super) fn send_feedback(&mut self, tx: &mut Egress<'_>) {
        let (sender, media) = (self.rtcp_ssrc, self.incoming.any_ssrc());
        // Out of `self` while the slab is written to; it goes back below.
        let Some(mut arrivals) = self.arrivals.take() else {
            return;
        };
        for _ in 0..MAX_FEEDBACK {
            if !arrivals.has_news() {
                break;
            }
            self.send_rtcp(tx, |buf, _| {
                Ok(arrivals.write_feedback(buf, sender, media)?.unwrap_or(0))
            });
        }
        self.arrivals = Some(arrivals);
    }

    pub(super) fn send_nacks(&mut self, now: Instant, tx: &mut Egress<'_>) {
        let (sender, rtt) = (self.rtcp_ssrc, self.agent.rtt());
        for at in 0..self.incoming.layers.len() {
            let Some(layer) = self.incoming.layers.get_mut(at) else {
                continue;
            };
            let mut missing = [0; MAX_NACKED];
            let count = layer.repair.poll(now, rtt, &mut missing);
            if layer.repair.take_overflow() {
                layer.key_frame_wanted = true;
                self.timers.ask_key_frame(now);
            }
            let missing = missing.get(..count).unwrap_or_default();
            if let (Some(media), false) = (layer.ssrc, missing.is_empty()) {
                self.send_rtcp(tx, |buf, _| rtcp::write_nack(buf, sender, media, missing));
            }
        }
    }

    pub(super) fn send_key_frame_requests(&mut self, tx: &mut Egress<'_>) {
        let sender = self.rtcp_ssrc;
        for at in 0..self.incoming.layers.len() {
            let Some(layer) = self.incoming.layers.get_mut(at) else {
                continue;
            };
            let wanted = std::mem::take(&mut layer.key_frame_wanted);
            if let (Some(media), true) = (layer.ssrc, wanted) {
                self.send_rtcp(tx, |buf, _| rtcp::write_pli(buf, sender, media));
            }
        }
    }

    /// Writes one compound into the slab, protects it there and sends it, if there is a path to send it over.
    fn send_rtcp(
        &mut self,
        tx: &mut Egress<'_>,
        write: impl FnOnce(&mut [u8], &str) -> Result<usize, rtp::Error>,
    ) {
        let (Some(media), Some(path)) = (self.media.as_mut(), self.agent.selected()) else {
            return;
        };
        let Some(space) = tx.reserve(path, MAX_COMPOUND + OVERHEAD) else {
            return;
        };
        let written = write(
            space.get_mut(..MAX_COMPOUND).unwrap_or_default(),
            &self.cname,
        );
        let sealed = written
            .ok()
            .and_then(|len| media.sender.seal_rtcp(space, len).ok());
        if let Some(len) = sealed {
            tx.commit(len);
        }
    }
}

fn write_sender_reports(
    buf: &mut [u8],
    infos: &[SenderInfo],
    cname: &str,
) -> Result<usize, rtp::Error> {
    let mut at = 0;
    for info in infos {
        at += rtcp::write_sender_report(buf.get_mut(at..).unwrap_or_default(), info, &[])?;
    }
    for info in infos {
        at += rtcp::write_sdes_cname(buf.get_mut(at..).unwrap_or_default(), info.ssrc, cname)?;
    }
    Ok(at)
}

/// Time since our report that the block echoes, without the time the peer held it (RFC 3550 section 6.4.1).
fn round_trip(now: u32, block: &ReportBlock) -> Option<Duration> {
    if block.last_sender_report == 0 {
        return None;
    }
    let units = now
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.delay_since_last_sender_report);
    // Half the range and more is a time that runs backwards.
    (units < 1 << 31).then(|| Duration::from_micros(u64::from(units) * 1_000_000 / 65_536))
}

/// The middle 32 of 64 bits.
#[allow(clippy::cast_possible_truncation)]
const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}
