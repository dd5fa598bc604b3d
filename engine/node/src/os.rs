// SPDX-License-Identifier: Apache-2.0
//! What differs between operating systems, and the portable way beside it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::time::Duration;

/// A descriptor that becomes readable when something was raised: an eventfd on Linux, a pipe elsewhere.
#[derive(Debug)]
pub struct Signal {
    read: File,
    /// `None` where the same descriptor is written to.
    write: Option<File>,
}

impl Signal {
    /// A signal that is not raised. `portable` takes a pipe everywhere.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn new(portable: bool) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if !portable {
            // SAFETY: eventfd takes no pointers; the result is checked before it is used.
            let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
            return Ok(Self {
                read: owned(fd)?,
                write: None,
            });
        }
        let _ = portable;
        let mut ends = [-1; 2];
        // SAFETY: `ends` has room for the two descriptors that pipe writes.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let (read, write) = (owned(ends[0])?, owned(ends[1])?);
        for end in [&read, &write] {
            set_flags(end.as_raw_fd())?;
        }
        Ok(Self {
            read,
            write: Some(write),
        })
    }

    /// Makes the descriptor readable. A full pipe is readable already.
    pub fn raise(&self) {
        let mut to = self.write.as_ref().unwrap_or(&self.read);
        let _ = to.write(&1u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable.
    pub fn clear(&self) {
        let mut from = &self.read;
        while from.read(&mut [0; 512]).is_ok_and(|taken| taken == 512) {}
    }
}

impl AsRawFd for Signal {
    fn as_raw_fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }
}

fn owned(fd: RawFd) -> io::Result<File> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, is valid, and nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Non-blocking, closed on exec.
fn set_flags(fd: RawFd) -> io::Result<()> {
    // SAFETY: fcntl with these commands takes integers only; the descriptor is open.
    let done = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK)
            | libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC)
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// CPU time of the calling thread.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; the clock exists on Linux and macOS.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Datagrams that a socket's full receive buffer cost so far; 0 where the system does not tell.
#[cfg(target_os = "linux")]
#[must_use]
pub fn receive_drops(socket: BorrowedFd<'_>) -> u64 {
    /// Place of the drop counter among the words of `SO_MEMINFO` (`SK_MEMINFO_DROPS` of `linux/sock_diag.h`).
    const DROPS: usize = 8;

    let mut words = [0_u32; DROPS + 1];
    let mut len = size_of_val(&words) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the kernel writes at most `len` bytes to `words`, which has
    // as many, and any bits are a valid `u32`.
    let done = unsafe {
        let to = words.as_mut_ptr().cast();
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            to,
            &raw mut len,
        )
    };
    if done == 0 {
        u64::from(words[DROPS])
    } else {
        0
    }
}

/// Datagrams that a socket's full receive buffer cost so far; 0 where the system does not tell.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn receive_drops(_socket: BorrowedFd<'_>) -> u64 {
    0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
