//! The body of a request on its way to VirusTotal, read at the pace that its sender has to keep.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, timeout};

use super::{form::FormError, pace::Pace};

/// A body that is being read.
#[derive(Debug)]
pub(super) struct PacedBody<'a, B> {
    body: &'a mut B,
    pace: Pace,
}

impl<'a, B: Body<Data = Bytes> + Unpin> PacedBody<'a, B> {
    /// Creates a reader of a body that may be silent for at most `longest_silence`.
    pub(super) fn new(body: &'a mut B, longest_silence: Duration) -> Self {
        Self {
            body,
            pace: Pace::new(longest_silence),
        }
    }

    /// Returns the next piece, which is not empty, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Fails if the body breaks off, or if its sender is too slow.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FormError> {
        loop {
            match self.frame().await? {
                None => return Ok(None),
                Some(Err(_)) => return Err(FormError::BrokenOff),
                Some(Ok(frame)) => {
                    // Trailers are ignored.
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// Waits for the next frame as long as the sender's pace allows.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, B::Error>>, FormError> {
        loop {
            let began = Instant::now();
            let frame = poll_fn(|context| Pin::new(&mut *self.body).poll_frame(context));
            // Bytes and time are counted before the pace is checked, whichever of them ended the
            // wait.
            let frame = timeout(self.pace.left(), frame).await;
            self.pace.waited(began.elapsed());
            if let Ok(Some(Ok(frame))) = &frame
                && let Some(piece) = frame.data_ref()
            {
                self.pace.received(piece.len());
            }
            if self.pace.judge().is_err() {
                return Err(FormError::Halted);
            }
            if let Ok(frame) = frame {
                return Ok(frame);
            }
        }
    }
}
