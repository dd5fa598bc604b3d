// SPDX-License-Identifier: Apache-2.0
//! Who is heard.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rig;

use rig::{Packet, Rig, session};
use room::{AudioSlot, ParticipantId, RoomEvent};

const SPEECH: u8 = 30;
const SILENCE: u8 = 127;

/// Publishers 1 to `count`, and a listener, peer 100, with two audio slots.
struct Talk {
    rig: Rig,
    publishers: Vec<ParticipantId>,
    sequence: u64,
}

impl Talk {
    fn new(count: u64) -> Self {
        let mut rig = Rig::new(false);
        let publishers = (1..=count)
            .map(|peer| rig.join(peer, &session(0, 0)))
            .collect();
        rig.join(100, &session(0, 2));
        Self {
            rig,
            publishers,
            sequence: 0,
        }
    }

    /// 20 ms packets for so long; `levels` by publisher, `None` sends nothing.
    fn run(&mut self, milliseconds: u64, levels: &[Option<u8>]) {
        for _ in 0..milliseconds / 20 {
            self.sequence += 1;
            for (publisher, level) in self.publishers.clone().into_iter().zip(levels) {
                if let Some(level) = level {
                    self.rig
                        .send(publisher, &Packet::audio(self.sequence, *level, b"voice"))
                        .unwrap();
                }
            }
            self.rig.pass(20);
        }
    }

    /// What the listener was told since the last call: sources by slot, per event.
    fn told(&mut self) -> Vec<Vec<Option<u64>>> {
        let of_listener = |event: RoomEvent| match event {
            RoomEvent::AudioSlots { peer: 100, slots } => {
                Some(slots.iter().map(|slot: &AudioSlot| slot.source).collect())
            }
            _ => None,
        };
        self.rig
            .events()
            .into_iter()
            .filter_map(of_listener)
            .collect()
    }
}

#[test]
fn whoever_sends_gets_a_free_slot_with_his_first_packet() {
    let mut talk = Talk::new(2);
    talk.run(20, &[Some(SILENCE)]);
    assert_eq!(talk.told(), [[Some(1), None]]);
    assert_eq!(talk.rig.take_sent(100).len(), 1, "the first packet, too");
    talk.run(20, &[Some(SILENCE), Some(SILENCE)]);
    assert_eq!(talk.told(), [[Some(1), Some(2)]]);
    talk.run(2_000, &[Some(SPEECH), Some(SILENCE)]);
    assert_eq!(
        talk.told(),
        [] as [Vec<Option<u64>>; 0],
        "told on change only"
    );
}

#[test]
fn a_speaker_takes_the_slot_of_who_was_silent_for_longest() {
    let mut talk = Talk::new(3);
    talk.run(1_000, &[Some(SPEECH), Some(SPEECH), Some(SILENCE)]);
    talk.run(300, &[Some(SILENCE), Some(SPEECH), Some(SILENCE)]);
    talk.told();
    talk.run(100, &[Some(SILENCE), Some(SPEECH), Some(SPEECH)]);
    assert_eq!(
        talk.told(),
        [] as [Vec<Option<u64>>; 0],
        "everybody spoke a moment ago"
    );
    talk.run(400, &[Some(SILENCE), Some(SPEECH), Some(SPEECH)]);
    assert_eq!(talk.told(), [[Some(3), Some(2)]]);
}

#[test]
fn among_speakers_only_a_much_louder_one_takes_a_slot() {
    let mut talk = Talk::new(3);
    talk.run(5_000, &[Some(35), Some(40), Some(36)]);
    assert_eq!(talk.told().last(), Some(&vec![Some(1), Some(2)]));
    talk.run(2_000, &[Some(35), Some(40), Some(20)]);
    assert_eq!(talk.told(), [[Some(1), Some(3)]]);
}

#[test]
fn nobody_hears_himself() {
    let mut rig = Rig::new(false);
    let one = rig.join(1, &session(0, 2));
    rig.send(one, &Packet::audio(1, SPEECH, b"voice")).unwrap();
    assert!(rig.sent(1).is_empty());
}

#[test]
fn who_leaves_frees_his_slot_for_another() {
    let mut talk = Talk::new(3);
    talk.run(100, &[Some(SPEECH), Some(SPEECH), Some(SILENCE)]);
    talk.told();
    talk.rig.leave(1, talk.publishers[0]);
    assert_eq!(talk.told(), [[Some(3), Some(2)]]);
}

#[test]
fn a_voice_that_takes_over_goes_on_in_number_and_time_and_begins_with_a_marker() {
    let mut talk = Talk::new(3);
    talk.run(1_000, &[Some(SPEECH), Some(SPEECH), Some(SILENCE)]);
    talk.run(1_000, &[Some(SILENCE), Some(SPEECH), Some(SILENCE)]);
    talk.rig.take_sent(100);
    talk.run(400, &[Some(SILENCE), Some(SPEECH), Some(SPEECH)]);
    let slot: Vec<_> = talk
        .rig
        .take_sent(100)
        .into_iter()
        .filter(|packet| packet.slot == 0)
        .collect();
    assert!(
        slot.windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1)
    );
    let steps: Vec<u32> = slot
        .windows(2)
        .map(|pair| pair[1].timestamp - pair[0].timestamp)
        .collect();
    assert!(steps.iter().all(|step| *step == 960), "{steps:?}");
    assert_eq!(slot.iter().filter(|packet| packet.marker).count(), 1);
}
