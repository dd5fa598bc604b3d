// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use super::{Meter, ResolutionClass};

const SECOND: Duration = Duration::from_secs(1);

fn class(pictures: &[Option<(u16, u16)>]) -> Option<ResolutionClass> {
    ResolutionClass::of(pictures.iter().copied())
}

#[test]
fn a_picture_belongs_to_the_class_that_just_holds_its_area() {
    let cases = [
        ((1, 1), ResolutionClass::Sd),
        ((640, 480), ResolutionClass::Sd),
        ((480, 640), ResolutionClass::Sd),
        ((641, 480), ResolutionClass::Hd),
        ((1_280, 720), ResolutionClass::Hd),
        ((1_280, 721), ResolutionClass::Fhd),
        ((1_920, 1_080), ResolutionClass::Fhd),
        ((1_920, 1_088), ResolutionClass::Qhd),
        ((2_560, 1_440), ResolutionClass::Qhd),
        ((2_561, 1_440), ResolutionClass::Uhd),
        ((u16::MAX, u16::MAX), ResolutionClass::Uhd),
    ];
    for (picture, expected) in cases {
        assert_eq!(class(&[Some(picture)]), Some(expected), "{picture:?}");
    }
}

#[test]
fn pictures_are_added_and_one_of_unknown_size_makes_the_sum_unknown() {
    assert_eq!(class(&[]), None);
    let three = [Some((640, 480)); 3];
    assert_eq!(class(&three), Some(ResolutionClass::Hd), "921,600 pixels");
    let four = [Some((640, 480)); 4];
    assert_eq!(class(&four), Some(ResolutionClass::Fhd));
    let one_is_sealed = [Some((640, 480)), None];
    assert_eq!(class(&one_is_sealed), Some(ResolutionClass::Unknown));
}

#[test]
fn time_goes_to_the_class_that_held_while_it_passed() {
    let start = Instant::now();
    let (mut meter, mut room) = (Meter::default(), false);
    meter.connect(start);
    meter.settle(start + SECOND, Some(ResolutionClass::Sd));
    meter.unsettle(&mut room);
    assert!(room && meter.is_stale);
    // Looked at again without a change: counted once.
    meter.settle(start + 2 * SECOND, Some(ResolutionClass::Sd));
    assert!(!meter.is_stale);
    meter.settle(start + 4 * SECOND, Some(ResolutionClass::Hd));
    meter.settle(start + 9 * SECOND, None);
    meter.settle(start + 10 * SECOND, Some(ResolutionClass::Sd));
    for _ in 0..2 {
        let usage = meter.read(start + 12 * SECOND);
        assert_eq!(usage.connected, 12 * SECOND);
        let [sd, hd, rest @ ..] = usage.video;
        assert_eq!(
            (sd, hd),
            (5 * SECOND, 5 * SECOND),
            "reading changes nothing"
        );
        assert_eq!(rest, [Duration::ZERO; 4]);
    }
}

#[test]
fn before_the_transport_came_up_there_is_no_time() {
    let meter = Meter::default();
    assert_eq!(meter.read(Instant::now()), super::Usage::default());
    let start = Instant::now();
    let mut meter = Meter::default();
    meter.connect(start);
    meter.connect(start + SECOND);
    assert_eq!(meter.read(start + 3 * SECOND).connected, 3 * SECOND, "once");
}
