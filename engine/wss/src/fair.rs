// SPDX-License-Identifier: Apache-2.0
//! A stream that lets others have their turn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one connection may bring in one turn. Frames that carry nothing are read on and on within one.
const MOST_AT_ONCE: usize = 64 * 1024;

/// A stream of which no more than so much is read before it was somebody else's turn.
#[derive(Debug)]
pub(crate) struct Fair<S> {
    stream: S,
    read: usize,
}

impl<S> Fair<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Fair<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= MOST_AT_ONCE {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        if polled.is_pending() {
            self.read = 0;
        } else {
            self.read += into.filled().len() - before;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Fair<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn much_is_read_in_several_turns_and_all_of_it_comes() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let octets = vec![7; 5 * MOST_AT_ONCE];
        let turns = std::cell::Cell::new(0);
        let others = async {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        let all = async {
            let mut all = Vec::new();
            Fair::new(octets.as_slice())
                .read_to_end(&mut all)
                .await
                .unwrap();
            all
        };
        let read = runtime.block_on(async {
            tokio::select! {
                read = all => read,
                () = others => Vec::new(),
            }
        });
        assert_eq!(read, octets);
        assert!(turns.get() >= 4, "{}", turns.get());
    }
}
