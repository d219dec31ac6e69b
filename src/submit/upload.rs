//! A file on its way through: checked, counted and passed on while it arrives.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame},
    header::HeaderValue,
};
use tokio::time::{Instant, timeout};

use super::{
    Parts, Started, Submit, SubmitError,
    form::{self, Form, FormError},
    pace::Pace,
    started,
    write::Write,
};
use crate::{
    access::RequestContext,
    answer::View,
    bill,
    redis::Patience,
    spend::Claim,
    vt::{
        VtError,
        upload::{self, Destination, Feed, Upload},
    },
};

/// Up to this length a form goes to `POST /files`, which takes 32 MB.
const MAX_SMALL: u64 = 31 * 1024 * 1024;

/// How much of a form is read before VirusTotal is asked.
///
/// What is wrong with a small one is found out in time to cost nothing, and one without a
/// length that ends by then has one.
const BEGINNING: usize = 64 * 1024;

/// How many times longer the answer to all of a form may take than a piece of it.
///
/// Megabytes of it can still wait in buffers for a slow line, and VirusTotal has to take in
/// what it got.
const LAST_PATIENCE: u32 = 4;

/// A form as it arrives.
#[derive(Debug)]
pub struct Incoming<'a, B> {
    /// The request's content type, `multipart/form-data` with a boundary.
    pub content_type: &'a HeaderValue,
    /// Its body. What is left of it after an error is the caller's.
    pub body: &'a mut B,
}

impl Submit {
    /// Uploads a file; one unit of quota, whichever way it goes.
    ///
    /// The unit is spent when VirusTotal is first asked, and stays so where the form turns out
    /// to be wrong later on. There is no limit to how long it takes. What ends it is a time
    /// without progress, as long as one call may take, or a sender that is too slow (`Pace`).
    pub async fn upload<B>(
        &self,
        context: &RequestContext,
        incoming: Incoming<'_, B>,
        view: &View<'_>,
    ) -> Result<Started, SubmitError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let key = &context.key;
        let length = incoming.body.size_hint().exact();
        if length.is_some_and(|length| length > form::MAX_FORM) {
            return Err(FormError::TooLarge.into());
        }
        let boundary = form::boundary(incoming.content_type.as_bytes())?;
        let mut arriving = Arriving {
            body: incoming.body,
            form: Form::new(boundary),
            patience: self.parts().vt.patience(),
            pace: Pace::new(self.parts().vt.patience()),
        };
        let beginning = bill::waiting(arriving.beginning()).await?;
        let length = length.or(beginning.whole_length());

        let Parts {
            vt, purse, calls, ..
        } = self.parts();
        let (endpoint, patience) = ("POST /files", Patience::default());
        let unit = purse.unit(context, endpoint, Claim::Now, &patience).await?;
        let held = purse.hold(key, &unit);
        let _place = bill::waiting(calls.take(context.caller)).await;
        held.release();
        purse.confirm(key, endpoint, &unit)?;
        let to = if length.is_some_and(|length| length <= MAX_SMALL) {
            Destination::Files
        } else {
            let named = vt.upload_url(key, vt.deadline()).await;
            purse.settle(key, endpoint, &unit, named)?
        };
        let (feed, body) = upload::pipe(length);
        let upload = Upload {
            content_type: form::content_type(boundary)?,
            body,
        };
        let is_first_call = matches!(to, Destination::Files);
        let mut answer = pin!(vt.upload(key, to, upload));
        let mut write = Write::new(&self.parts().cache, Vec::new());
        let answer = tokio::select! {
            biased;
            // VirusTotal need not hear a form out to refuse it.
            early = &mut answer => early,
            passed = arriving.pass_on(beginning, feed) => {
                passed?;
                // From here on VirusTotal may have all of it, even if the caller hangs up.
                write.add(arriving.form.names());
                let late = timeout(vt.patience() * LAST_PATIENCE, answer).await;
                late.unwrap_or(Err(VtError::Timeout))
            }
        };
        let answer = if is_first_call {
            purse.settle(key, endpoint, &unit, answer)
        } else {
            purse.hear(key, endpoint, answer)
        };
        write.add(arriving.form.names());
        write.settle(answer.as_deref());
        started(&answer?, view)
    }
}

/// A form that is being read, and what has been seen of it.
struct Arriving<'a, B> {
    body: &'a mut B,
    form: Form,
    /// The time to wait for room to pass a piece on.
    patience: Duration,
    pace: Pace,
}

/// The first pieces of a form.
struct Beginning {
    pieces: Vec<Bytes>,
    /// Whether there are no more.
    is_whole: bool,
}

impl Beginning {
    fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn whole_length(&self) -> Option<u64> {
        self.is_whole.then(|| self.length() as u64)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Arriving<'_, B> {
    async fn beginning(&mut self) -> Result<Beginning, FormError> {
        let mut beginning = Beginning {
            pieces: Vec::new(),
            is_whole: false,
        };
        while beginning.length() <= BEGINNING && !beginning.is_whole {
            match self.next().await? {
                Some(piece) => beginning.pieces.push(piece),
                None => beginning.is_whole = true,
            }
        }
        Ok(beginning)
    }

    /// Passes on what has come and what is still to come.
    ///
    /// The last piece waits until the form is known to be whole: without it VirusTotal can't
    /// take half a form for one.
    async fn pass_on(&mut self, beginning: Beginning, feed: Feed) -> Result<(), SubmitError> {
        let mut held = None;
        for piece in beginning.pieces {
            send(&feed, held.replace(piece), self.patience).await?;
        }
        if !beginning.is_whole {
            while let Some(piece) = self.next().await? {
                send(&feed, held.replace(piece), self.patience).await?;
            }
        }
        send(&feed, held, self.patience).await?;
        // Where the request is over already, its answer tells why.
        let _ = feed.finish().await;
        Ok(())
    }

    /// The next piece; none once the form has ended as it should.
    async fn next(&mut self) -> Result<Option<Bytes>, FormError> {
        loop {
            match self.frame().await? {
                None => return self.form.end().map(|()| None),
                Some(Err(_)) => return Err(FormError::BrokenOff),
                Some(Ok(frame)) => {
                    // Trailers say nothing here.
                    let Ok(piece) = frame.into_data() else {
                        continue;
                    };
                    self.form.push(&piece)?;
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// Waits for the next frame for as long as the sender may take.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, B::Error>>, FormError> {
        loop {
            let began = Instant::now();
            let frame = poll_fn(|context| Pin::new(&mut *self.body).poll_frame(context));
            let frame = timeout(self.pace.left(), frame).await;
            self.pace.waited(began.elapsed());
            if let Ok(Some(Ok(frame))) = &frame {
                self.pace.received(frame.data_ref().map_or(0, Bytes::len));
            }
            self.pace.judge().map_err(|_| FormError::Halted)?;
            if let Ok(frame) = frame {
                return Ok(frame);
            }
        }
    }
}

/// Passes on a piece, if there is one, as soon as there is room for it.
async fn send(feed: &Feed, piece: Option<Bytes>, patience: Duration) -> Result<(), VtError> {
    let Some(piece) = piece else { return Ok(()) };
    match timeout(patience, feed.send(piece)).await {
        // The request is over; its answer, polled beside this, is what counts.
        Ok(Err(_)) => std::future::pending().await,
        Ok(Ok(())) => Ok(()),
        Err(_) => Err(VtError::Timeout),
    }
}
