// SPDX-License-Identifier: Apache-2.0
//! A seeded schedule of everything at once: joins, leaves, bindings, switches, loss, reordering, padding, NACKs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use rig::{Packet, Rig, SentPacket, session, vp8};
use room::ParticipantId;
use rtp::Codec;
use rtp::vp8::Descriptor;
use transport::PeerEvent;
use transport::session::{Rights, Track};

const PEERS: u64 = 5;
const SLOTS: u16 = 3;

#[derive(Clone, Debug)]
enum Step {
    Join(u64),
    Leave(u64),
    /// Subscriber, slot, source, screen or not, layer.
    Bind(u64, u16, Option<(u64, bool, u8)>),
    /// Publisher, layer, what becomes of the next packets.
    Video(u64, u8, Fate),
    Screen(u64),
    Audio(u64, u8),
    Nack(u64, u16, u64),
    Pli(u64, u16),
    Mute(u64, bool),
    Rights(u64, u8),
    NewSsrc(u64, u8),
    Pass(u64),
    /// The next packets are taken without a flush between them.
    Batch,
}

#[derive(Clone, Debug)]
enum Fate {
    Delta,
    Key,
    Padding,
    Lost,
    /// Comes when the next packet of the layer has come.
    Late,
    Jump(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 1..=PEERS;
    let slot = 0..SLOTS + 2;
    let source = proptest::option::weighted(0.9, (1..=PEERS, any::<bool>(), 0_u8..4));
    let fate = prop_oneof![
        10 => Just(Fate::Delta),
        4 => Just(Fate::Key),
        1 => Just(Fate::Padding),
        2 => Just(Fate::Lost),
        2 => Just(Fate::Late),
        1 => (1_u64..40_000).prop_map(Fate::Jump),
    ];
    prop_oneof![
        4 => peer.clone().prop_map(Step::Join),
        1 => peer.clone().prop_map(Step::Leave),
        6 => (peer.clone(), slot.clone(), source).prop_map(|(peer, slot, source)| Step::Bind(peer, slot, source)),
        60 => (peer.clone(), 0_u8..3, fate).prop_map(|(peer, layer, fate)| Step::Video(peer, layer, fate)),
        5 => peer.clone().prop_map(Step::Screen),
        10 => (peer.clone(), 0_u8..128).prop_map(|(peer, level)| Step::Audio(peer, level)),
        8 => (peer.clone(), slot.clone(), 0_u64..40).prop_map(|(peer, slot, back)| Step::Nack(peer, slot, back)),
        2 => (peer.clone(), slot).prop_map(|(peer, slot)| Step::Pli(peer, slot)),
        1 => (peer.clone(), any::<bool>()).prop_map(|(peer, muted)| Step::Mute(peer, muted)),
        1 => (peer.clone(), any::<u8>()).prop_map(|(peer, rights)| Step::Rights(peer, rights)),
        1 => (peer, 0_u8..3).prop_map(|(peer, layer)| Step::NewSsrc(peer, layer)),
        4 => (1_u64..400).prop_map(Step::Pass),
        4 => Just(Step::Batch),
    ]
}

/// A publisher's camera layer as its encoder has it.
#[derive(Clone, Copy, Default)]
struct Encoder {
    sequence: u64,
    picture: u16,
    ssrc: u32,
}

struct Storm {
    rig: Rig,
    present: BTreeMap<u64, ParticipantId>,
    rights: BTreeMap<u64, Rights>,
    generation: u32,
    encoders: BTreeMap<(u64, u8), Encoder>,
    late: BTreeMap<(u64, u8), (u64, Vec<u8>, u32)>,
    /// Makes each payload unique.
    serial: u32,
    batch: u8,
    /// By incarnation of a subscriber, slot and number: what was sent.
    sent: BTreeMap<(u64, u32, u16, u64), Vec<u8>>,
    incarnation: BTreeMap<u64, u32>,
    highest: BTreeMap<(u64, u16), u64>,
}

impl Storm {
    fn new() -> Self {
        Self {
            rig: Rig::new(false),
            present: BTreeMap::new(),
            rights: BTreeMap::new(),
            generation: 0,
            encoders: BTreeMap::new(),
            late: BTreeMap::new(),
            serial: 0,
            batch: 0,
            sent: BTreeMap::new(),
            incarnation: BTreeMap::new(),
            highest: BTreeMap::new(),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Join(peer) if !self.present.contains_key(&peer) => {
                let id = self.rig.join(peer, &session(SLOTS.into(), 2));
                self.present.insert(peer, id);
                self.rights.insert(peer, Rights::ALL);
                *self.incarnation.entry(peer).or_default() += 1;
                self.highest.retain(|(known, _), _| *known != peer);
            }
            Step::Leave(peer) => {
                if let Some(id) = self.present.remove(&peer) {
                    self.rig.flush();
                    self.collect();
                    self.rig.leave(peer, id);
                }
            }
            Step::Bind(peer, slot, source) => {
                let source = source.map(|(peer, screen, layer)| {
                    (
                        peer,
                        if screen { Track::Screen } else { Track::Main },
                        layer,
                    )
                });
                self.generation += 1;
                if let Some(id) = self.present.get(&peer) {
                    self.rig.bind(*id, slot, self.generation, source);
                }
            }
            Step::Video(peer, layer, fate) => self.video(peer, layer, &fate),
            Step::Screen(peer) => self.other(peer, 2, None),
            Step::Audio(peer, level) => self.other(peer, 0, Some(level)),
            Step::Nack(peer, slot, back) => {
                let highest = self.highest.get(&(peer, slot)).copied().unwrap_or(0);
                if let Some(id) = self.present.get(&peer) {
                    self.rig.nack(*id, slot, highest.saturating_sub(back));
                }
            }
            Step::Pli(peer, slot) => {
                if let Some(id) = self.present.get(&peer) {
                    self.rig.event(*id, PeerEvent::KeyFrameRequested { slot });
                }
            }
            Step::Mute(peer, muted) => {
                if let Some(id) = self.present.get(&peer) {
                    self.rig.room.set_muted(*id, Track::Main, muted);
                }
            }
            Step::Rights(peer, bits) => {
                // Mostly all rights, else the storm dies down.
                let rights = if bits > 200 {
                    Rights(bits)
                } else {
                    Rights::ALL
                };
                if let Some(id) = self.present.get(&peer).copied() {
                    self.rig.flush();
                    self.collect();
                    self.rig.room.set_rights(id, rights);
                    self.rights.insert(peer, rights);
                }
            }
            Step::NewSsrc(peer, layer) => {
                let encoder = self.encoders.entry((peer, layer)).or_default();
                *encoder = Encoder {
                    ssrc: encoder.ssrc + 1,
                    sequence: u64::from(encoder.ssrc) * 7,
                    ..*encoder
                };
            }
            Step::Pass(milliseconds) => self.rig.pass(milliseconds),
            Step::Batch => self.batch = 20,
            Step::Join(_) => {}
        }
        self.collect();
    }

    fn ingest(&mut self, id: ParticipantId, packet: &Packet<'_>) {
        let _ = self.rig.ingest(id, packet);
        if self.batch == 0 || self.rig.room.wants_flush() {
            self.rig.flush();
        }
        self.batch = self.batch.saturating_sub(1);
    }

    fn video(&mut self, peer: u64, layer: u8, fate: &Fate) {
        let Some(id) = self.present.get(&peer).copied() else {
            return;
        };
        let encoder = self.encoders.entry((peer, layer)).or_insert(Encoder {
            sequence: 30_000 * u64::from(layer),
            ..Encoder::default()
        });
        encoder.sequence += if let Fate::Jump(by) = fate { *by } else { 1 };
        encoder.picture = encoder.picture.wrapping_add(1);
        let Encoder {
            sequence,
            picture,
            ssrc,
        } = *encoder;
        self.serial += 1;
        let tag = u8::from(!matches!(fate, Fate::Key));
        let payload = match fate {
            Fate::Padding => Vec::new(),
            _ => vp8(
                true,
                tag,
                picture,
                picture as u8,
                &[&[peer as u8, layer][..], &self.serial.to_be_bytes()].concat(),
            ),
        };
        let ssrc = (peer as u32) << 16 | u32::from(layer) << 8 | ssrc;
        if matches!(fate, Fate::Late) {
            self.late.insert((peer, layer), (sequence, payload, ssrc));
            return;
        }
        if !matches!(fate, Fate::Lost) {
            self.ingest(
                id,
                &Packet {
                    ssrc,
                    ..Packet::video(layer, sequence, sequence as u32 * 3_000, &payload)
                },
            );
        }
        if let Some((sequence, payload, ssrc)) = self.late.remove(&(peer, layer)) {
            self.ingest(
                id,
                &Packet {
                    ssrc,
                    ..Packet::video(layer, sequence, sequence as u32 * 3_000, &payload)
                },
            );
        }
    }

    fn other(&mut self, peer: u64, send: u8, level: Option<u8>) {
        let Some(id) = self.present.get(&peer).copied() else {
            return;
        };
        self.serial += 1;
        let sequence = u64::from(self.serial);
        let marks = [&[peer as u8, 9][..], &self.serial.to_be_bytes()].concat();
        if let Some(level) = level {
            self.ingest(
                id,
                &Packet {
                    ssrc: peer as u32,
                    ..Packet::audio(sequence, level, &marks)
                },
            );
        } else {
            let payload = vp8(
                true,
                u8::from(sequence % 5 != 0),
                sequence as u16,
                1,
                &marks,
            );
            let packet = Packet {
                send,
                ssrc: 7_000 + peer as u32,
                ..Packet::video(0, sequence, sequence as u32, &payload)
            };
            self.ingest(id, &packet);
        }
    }

    /// Checks what everybody was sent since the last look.
    fn collect(&mut self) {
        for peer in self.present.keys().copied().collect::<Vec<_>>() {
            for packet in self.rig.take_sent(peer) {
                self.check(peer, packet);
            }
        }
    }

    fn check(&mut self, peer: u64, packet: SentPacket) {
        let audio = packet.codec == Codec::Opus;
        let rights = self.rights[&peer];
        let may = if audio {
            Rights::RECEIVE_AUDIO
        } else {
            Rights::RECEIVE_VIDEO
        };
        let screen = !audio && packet.payload[8] == 9;
        let may = if screen { Rights::RECEIVE_SCREEN } else { may };
        assert!(
            rights.contains(Rights::ENTER.with(may)),
            "a right is missing"
        );
        assert_eq!(audio, packet.slot >= SLOTS, "the kind of the slot");
        let key = (peer, self.incarnation[&peer], packet.slot, packet.sequence);
        match self.sent.get(&key) {
            Some(before) => {
                assert!(packet.rtx, "a number was used twice");
                assert_eq!(before, &packet.payload, "a number stands for two payloads");
            }
            None => {
                assert!(!packet.rtx, "a repair of what was never sent");
                self.sent.insert(key, packet.payload.clone());
            }
        }
        let highest = self
            .highest
            .entry((peer, packet.slot))
            .or_insert(packet.sequence);
        assert!(
            packet.sequence <= *highest + 600,
            "a jump that a receiver would take for a roll-over"
        );
        *highest = packet.sequence.max(*highest);
    }

    /// At the end: what stands under the numbers of each slot, in order.
    fn check_streams(&self) {
        let mut slots: BTreeMap<(u64, u32, u16), Vec<&Vec<u8>>> = BTreeMap::new();
        for ((peer, incarnation, slot, _), payload) in &self.sent {
            slots
                .entry((*peer, *incarnation, *slot))
                .or_default()
                .push(payload);
        }
        for ((_, _, slot), payloads) in slots {
            let mut seen = BTreeSet::new();
            assert!(
                payloads
                    .iter()
                    .all(|payload| seen.insert(&payload[payload.len() - 4..])),
                "a packet sent twice"
            );
            if slot < SLOTS {
                check_video(&payloads);
            }
        }
    }
}

/// A slot's video changes its source or layer only at a key frame.
fn check_video(payloads: &[&Vec<u8>]) {
    let stream = |payload: &Vec<u8>| (payload[7], payload[8]);
    assert_eq!(payloads[0][6] & 1, 0, "begins with a key frame");
    for pair in payloads.windows(2) {
        if stream(pair[0]) != stream(pair[1]) {
            assert_eq!(pair[1][6] & 1, 0, "switches at a key frame");
        }
        assert!(Descriptor::parse(pair[1]).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_rules_hold_in_any_weather(steps in vec(step(), 100..800)) {
        let mut storm = Storm::new();
        for peer in 1..=PEERS {
            storm.run(Step::Join(peer));
        }
        for step in steps {
            storm.run(step);
        }
        storm.rig.flush();
        storm.collect();
        storm.check_streams();
    }
}
