// SPDX-License-Identifier: Apache-2.0
//! Where outgoing datagrams are written, and how runs of equal size become one send.

use ice::Path;

/// Most datagrams in one run: more saves little (`UDP_SEGMENT` costs 556 ns a packet at 16, 435 ns at 48) and makes
/// bursts longer.
pub const MAX_SEGMENTS: usize = 16;
/// Most bytes in one run: the largest UDP payload over IPv4.
pub const MAX_RUN: usize = 65_507;
/// Largest single datagram the transport writes. More than a common path takes; a publisher's packet of up to this
/// size is passed on as it came.
pub const MAX_DATAGRAM: usize = 2_048;
/// Four full runs: the buffer wraps rarely, so that runs are seldom cut short by its end.
const SLAB: usize = 256 * 1024;

/// Takes finished runs of datagrams; implemented by the socket, by the virtual network and by tests.
pub trait Transmit {
    /// Sends `contents` as datagrams of `segment_size` bytes each over `path`; only the last may be shorter.
    /// `contents` is valid during the call only.
    fn transmit(&mut self, path: Path, segment_size: usize, contents: &[u8]);
}

/// The buffer all peers of a shard write their datagrams to.
pub struct Slab {
    bytes: Box<[u8]>,
    scratch: Box<[u8]>,
    run: Run,
}

#[derive(Clone, Copy)]
struct Run {
    path: Option<Path>,
    start: usize,
    end: usize,
    segment: usize,
    count: usize,
    /// A shorter datagram was the last: nothing may follow it.
    ended: bool,
}

impl Slab {
    /// A buffer of 256 KiB. One is enough for a shard.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: vec![0; SLAB].into_boxed_slice(),
            scratch: vec![0; MAX_DATAGRAM].into_boxed_slice(),
            run: Run {
                path: None,
                start: 0,
                end: 0,
                segment: 0,
                count: 0,
                ended: false,
            },
        }
    }
}

impl Default for Slab {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes datagrams into a [`Slab`] and hands runs of equal size over one path to a [`Transmit`].
///
/// **Dropping it flushes**: nothing that was committed stays behind.
pub struct Egress<'a> {
    slab: &'a mut Slab,
    sink: &'a mut dyn Transmit,
}

impl<'a> Egress<'a> {
    /// Writes to `slab`, sends through `sink`.
    pub fn new(slab: &'a mut Slab, sink: &'a mut dyn Transmit) -> Self {
        Self { slab, sink }
    }

    /// Space for one datagram of at most `len` bytes over `path`; [`Egress::commit`] makes it part of the run.
    /// A reservation that is not committed costs nothing. `None` if `len` exceeds [`MAX_DATAGRAM`].
    pub fn reserve(&mut self, path: Path, len: usize) -> Option<&mut [u8]> {
        self.reserve_with_scratch(path, len).map(|(space, _)| space)
    }

    /// Like [`Egress::reserve`], with [`MAX_DATAGRAM`] bytes beside it to put a payload together in.
    pub(crate) fn reserve_with_scratch(
        &mut self,
        path: Path,
        len: usize,
    ) -> Option<(&mut [u8], &mut [u8])> {
        if len > MAX_DATAGRAM {
            return None;
        }
        if self.slab.run.path != Some(path) {
            self.flush();
            self.slab.run.path = Some(path);
        }
        if self.slab.bytes.len() - self.slab.run.end < len {
            self.flush();
            self.slab.run = Run {
                start: 0,
                end: 0,
                path: Some(path),
                ..self.slab.run
            };
        }
        let Slab {
            bytes,
            scratch,
            run,
        } = &mut *self.slab;
        let space = bytes.get_mut(run.end..run.end + len)?;
        Some((space, scratch))
    }

    /// The first `used` bytes of the last reservation are a datagram.
    pub fn commit(&mut self, used: usize) {
        let run = &self.slab.run;
        let fits = run.count > 0
            && run.count < MAX_SEGMENTS
            && !run.ended
            && used <= run.segment
            && run.end - run.start + used <= MAX_RUN;
        if !fits {
            self.flush();
        }
        let run = &mut self.slab.run;
        if run.count == 0 {
            run.segment = used;
        }
        run.end += used;
        run.count += 1;
        run.ended = used < run.segment;
    }

    /// Sends what was committed. Called when the path changes, when a run is full and on drop.
    pub fn flush(&mut self) {
        let run = self.slab.run;
        let contents = self
            .slab
            .bytes
            .get(run.start..run.end)
            .filter(|_| run.count > 0);
        if let (Some(path), Some(contents)) = (run.path, contents) {
            self.sink.transmit(path, run.segment, contents);
        }
        self.slab.run = Run {
            start: run.end,
            count: 0,
            segment: 0,
            ended: false,
            ..run
        };
    }
}

impl Drop for Egress<'_> {
    fn drop(&mut self) {
        self.flush();
        self.slab.run = Run {
            path: None,
            start: 0,
            end: 0,
            segment: 0,
            count: 0,
            ended: false,
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
