// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Parameter sets that x264 wrote.
const REAL: [(&str, (u16, u16)); 13] = [
    (
        "6742c01ed900a02ff9610000030001000003003c0f162e48",
        (640, 360),
    ),
    (
        "6764001eacd940a02ff9610000030001000003003c0f162d96",
        (640, 360),
    ),
    (
        "677a001ebcd940a02ff89840000003004000000f03c58b6580",
        (640, 360),
    ),
    (
        "67f4001e919b281405ff1308000003000800000301e078b16cb0",
        (640, 360),
    ),
    (
        "6742c028d900780227e584000003000400000300f03c60c920",
        (1920, 1080),
    ),
    (
        "67640028acd940780227e584000003000400000300f03c60c658",
        (1920, 1080),
    ),
    ("6742c00dd901519e226840000003004000000f03c50a92", (322, 182)),
    (
        "6764000dacd941519e226840000003004000000f03c50a6580",
        (322, 182),
    ),
    (
        "677a000dbcd941519e222e10000003001000000303c0f1429960",
        (322, 182),
    ),
    (
        "67f4000d919b282a33c7c5c2000003000200000300781e28532c",
        (322, 182),
    ),
    // Interlaced.
    ("6764001facd940b424d080000003008000001e0f8b16cb", (720, 576)),
    (
        "67640028acd94078044fdc20000003002000000783e2c5b2c0",
        (1920, 1080),
    ),
    (
        "67640033acd9403c0043e840000003004000000f03c60c6580",
        (3840, 2160),
    ),
];

#[test]
fn the_size_is_that_of_the_cropped_picture() {
    for (unit, size) in REAL {
        assert_eq!(picture_size(&unhex(unit)), Some(size), "{unit}");
    }
}

#[test]
fn a_parameter_set_that_is_cut_off_says_nothing() {
    let unit = unhex(REAL[0].0);
    // Width and height end in the tenth byte.
    for length in 0..9 {
        assert_eq!(picture_size(&unit[..length]), None, "{length}");
    }
}

/// Writes bits, and escapes them at the end.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(&mut self, value: u64, count: u32) {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn number(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        self.bits(code, 2 * length - 1);
    }

    fn signed(&mut self, value: i32) {
        let code = if value > 0 { 2 * value - 1 } else { -2 * value };
        self.number(u32::try_from(code).unwrap());
    }

    fn unit(mut self) -> Vec<u8> {
        self.bits(1, 1);
        let (mut unit, mut zeros) = (vec![0x67], 0);
        for chunk in self.0.chunks(8) {
            let byte = (0..8).fold(0, |byte, at| {
                byte << 1 | u8::from(chunk.get(at) == Some(&true))
            });
            if zeros == 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            unit.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        unit
    }
}

#[derive(Clone, Debug)]
struct Set {
    profile: u8,
    format: u32,
    /// Steps of each scaling list that is there.
    lists: Vec<Option<Vec<i32>>>,
    order: u32,
    offsets: Vec<i32>,
    blocks: (u32, u32),
    progressive: bool,
    crop: Option<[u32; 4]>,
}

impl Set {
    fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bits(u64::from(self.profile), 8);
        out.bits(30, 16);
        out.number(0);
        if WITH_CHROMA.contains(&self.profile) {
            out.number(self.format);
            if self.format == 3 {
                out.bits(0, 1);
            }
            out.number(0);
            out.number(0);
            out.bits(0, 1);
            out.bits(u64::from(!self.lists.is_empty()), 1);
            for list in 0..if self.lists.is_empty() {
                0
            } else if self.format == 3 {
                12
            } else {
                8
            } {
                let steps = self.lists.get(list).cloned().flatten();
                out.bits(u64::from(steps.is_some()), 1);
                self.write_list(&mut out, steps, if list < 6 { 16 } else { 64 });
            }
        }
        out.number(4);
        out.number(self.order);
        if self.order == 0 {
            out.number(5);
        } else if self.order == 1 {
            out.bits(0, 1);
            out.signed(-7);
            out.signed(9);
            out.number(u32::try_from(self.offsets.len()).unwrap());
            for &offset in &self.offsets {
                out.signed(offset);
            }
        }
        out.number(3);
        out.bits(0, 1);
        out.number(self.blocks.0 - 1);
        out.number(self.blocks.1 - 1);
        out.bits(u64::from(self.progressive), 1);
        if !self.progressive {
            out.bits(0, 1);
        }
        out.bits(1, 1);
        out.bits(u64::from(self.crop.is_some()), 1);
        for length in self.crop.into_iter().flatten() {
            out.number(length);
        }
        out.bits(0, 1);
        out.unit()
    }

    /// As section 7.3.2.1.1.1 has it: no further steps once the next scale is 0.
    fn write_list(&self, out: &mut Writer, steps: Option<Vec<i32>>, size: usize) {
        let Some(steps) = steps else { return };
        let (mut last, mut next) = (8, 8);
        for at in 0..size {
            if next != 0 {
                let step = steps[at % steps.len()];
                out.signed(step);
                next = (last + step + 256) % 256;
            }
            last = if next == 0 { last } else { next };
        }
    }

    fn size(&self) -> (u32, u32) {
        let (across, down) = match self.format {
            _ if !WITH_CHROMA.contains(&self.profile) => (2, 2),
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let fields = if self.progressive { 1 } else { 2 };
        let [left, right, top, bottom] = self.crop.unwrap_or_default();
        (
            self.blocks.0 * 16 - across * (left + right),
            self.blocks.1 * 16 * fields - down * fields * (top + bottom),
        )
    }
}

fn sets() -> impl Strategy<Value = Set> {
    let steps = prop::option::of(prop::collection::vec(-128i32..128, 1..20));
    (
        prop::sample::select(vec![66u8, 77, 100, 122, 244]),
        0u32..4,
        prop::collection::vec(steps, 0..13),
        0u32..3,
        prop::collection::vec(-70_000i32..70_000, 0..20),
        (1u32..512, 1u32..512),
        any::<bool>(),
        prop::option::of(prop::array::uniform4(0u32..3)),
    )
        .prop_map(
            |(profile, format, lists, order, offsets, blocks, progressive, crop)| Set {
                profile,
                format,
                lists,
                order,
                offsets,
                blocks,
                progressive,
                crop,
            },
        )
}

proptest! {
    #[test]
    fn every_parameter_set_says_its_size(set in sets()) {
        let (width, height) = set.size();
        let wanted = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
        prop_assert_eq!(picture_size(&set.write()), (width > 0 && height > 0).then_some(wanted));
    }

    #[test]
    fn no_bytes_bring_it_down(unit in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Some((width, height)) = picture_size(&unit) {
            prop_assert!(width > 0 && height > 0);
        }
    }
}
