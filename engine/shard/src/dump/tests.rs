// SPDX-License-Identifier: Apache-2.0
use std::io;
use std::sync::{Arc, Mutex};

use room::{Forwarded, Sink};
use rtp::Codec;
use transport::session::Track;

use super::{DumpSink, RECORD_HEADER};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn packet(payload: &[u8]) -> Forwarded<'_> {
    Forwarded {
        room: 1,
        source: 2,
        track: Track::Main,
        layer: 2,
        ext_sequence: 0x1_0000,
        timestamp: 90_000,
        marker: true,
        codec: Codec::Vp8,
        payload,
    }
}

#[test]
fn records_of_all_clones_stand_one_after_the_other() {
    let file = Shared::default();
    let mut sink = DumpSink::new(file.clone());
    sink.packet(&packet(b"abc"));
    sink.clone().packet(&packet(b""));
    let bytes = file.0.lock().unwrap().clone();
    assert_eq!(bytes.len(), 2 * (4 + RECORD_HEADER) + 3);
    assert_eq!(bytes[..4], (RECORD_HEADER as u32 + 3).to_be_bytes());
    let mut expected = vec![
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 0,
    ];
    expected.extend_from_slice(&90_000_u32.to_be_bytes());
    expected.extend_from_slice(&[2, 2, 3, 1]);
    expected.extend_from_slice(b"abc");
    assert_eq!(bytes[4..4 + RECORD_HEADER + 3], expected);
    assert_eq!(
        bytes[4 + RECORD_HEADER + 3..][..4],
        (RECORD_HEADER as u32).to_be_bytes()
    );
}

struct Full;

impl io::Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_dump_and_nothing_else() {
    let mut sink = DumpSink::new(Full);
    sink.packet(&packet(b"abc"));
    assert!(sink.out.lock().unwrap().is_none());
    sink.packet(&packet(b"abc"));
}
