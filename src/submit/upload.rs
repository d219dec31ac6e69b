//! A file on its way to VirusTotal: checked, counted and forwarded while it arrives.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame},
    header::HeaderValue,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tracing::{Instrument as _, Span};

use super::{
    Parts, Started, Submit, SubmitError,
    form::{self, Form, FormError},
    pace::Pace,
    started,
    write::Write,
};
use crate::{
    access::RequestContext,
    cache::ObjectName,
    quota::{Claim, Permit},
    render::View,
    virustotal::{
        Endpoint, UpstreamError,
        upload::{self, BodySender, Destination, UploadForm},
    },
};

/// The longest form for `POST /files`, which accepts 32 MB. Longer ones need an upload URL.
const MAX_SMALL: u64 = 31 * 1024 * 1024;

/// The length of the prefix that is read before VirusTotal is asked.
///
/// A small invalid form is thus rejected at no cost, and a small form without `Content-Length`
/// still gets a length.
const BEGINNING: usize = 64 * 1024;

/// The factor by which the time limit for the answer exceeds that for a single piece.
///
/// When the last piece is handed over, megabytes may still wait in buffers for a slow line, and
/// VirusTotal has to process the file.
const LAST_PATIENCE: u32 = 4;

/// A form as it arrives.
#[derive(Debug)]
pub struct Incoming<'a, B> {
    /// The request's content type: `multipart/form-data` with a boundary.
    pub content_type: &'a HeaderValue,
    /// The request's body. After an error, the caller has to drain the rest.
    pub body: &'a mut B,
}

impl Submit {
    /// Uploads a file. Costs one unit of quota, for small and large files alike.
    ///
    /// The unit is spent when VirusTotal is first asked, and is not released if the form turns out
    /// to be invalid later. The total time is unlimited; an upload ends early if it makes no
    /// progress for as long as one call may take, or if the sender is too slow (`Pace`).
    pub async fn upload<B>(
        &self,
        context: &RequestContext,
        incoming: Incoming<'_, B>,
        view: &View<'_>,
    ) -> Result<Started, SubmitError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let length = incoming.body.size_hint().exact();
        if length.is_some_and(|length| length > form::MAX_FORM) {
            return Err(FormError::TooLarge.into());
        }
        let boundary = form::boundary(incoming.content_type.as_bytes())?;
        let mut arriving = Arriving {
            body: incoming.body,
            form: Form::new(boundary),
            patience: self.parts().virustotal.patience(),
            pace: Pace::new(self.parts().virustotal.patience()),
        };
        let beginning = context.cost.waiting(arriving.beginning()).await?;
        // A form without `Content-Length` has a length after all if it ended within the prefix.
        let length = length.or(beginning.whole_length());
        let (feed, body) = upload::channel_body(length);
        let form = UploadForm {
            content_type: form::content_type(boundary)?,
            body,
        };
        // An upload spends the quota of this endpoint, for small and large files alike.
        let permit = self
            .parts()
            .quota
            .acquire(context, &Endpoint::Upload, Claim::Now)
            .await?;
        let (ended, names) = oneshot::channel();
        let (begin, start) = oneshot::channel();
        let passage = Passage {
            context: context.clone(),
            permit,
            length,
            form,
            begin,
            names,
        };
        let mut told = self.pass(passage);
        let passing = async {
            // VirusTotal accepts nothing before the call has a place.
            let is_begun = start.await.is_ok();
            if is_begun {
                arriving.pass_on(beginning, feed, ended).await?;
            }
            Ok::<_, SubmitError>(())
        };
        let answer = tokio::select! {
            biased;
            // VirusTotal may refuse a form before it has arrived completely.
            early = &mut told => early,
            passed = passing => {
                passed?;
                told.await
            }
        };
        // The sender is dropped without an answer only if the task panics.
        let answer = answer.unwrap_or(Err(SubmitError::Lost));
        started(&answer?, view)
    }

    /// Sends a form to VirusTotal on a task of its own.
    ///
    /// Once VirusTotal may have the whole form, its answer counts even if the client has hung up.
    fn pass(&self, passage: Passage) -> oneshot::Receiver<Result<Bytes, SubmitError>> {
        let (mut tell, told) = oneshot::channel();
        let submit = self.clone();
        let pass = async move {
            let place = tokio::select! {
                place = submit.parts().quota.enter(&passage.context) => place,
                () = tell.closed() => return,
            };
            // Boxed, because the future is large and is wrapped several times before it runs.
            let answer = Box::pin(submit.send_form(passage)).await;
            drop(place);
            let _ = tell.send(answer);
        };
        let pass = Box::pin(pass).instrument(Span::current());
        let metrics = Arc::clone(&self.parts().metrics);
        self.parts().tasks.spawn(async move {
            let _ = metrics.count_panic(pass).await;
        });
        told
    }

    async fn send_form(&self, passage: Passage) -> Result<Bytes, SubmitError> {
        let Parts {
            virustotal,
            quota,
            cache,
            ..
        } = self.parts();
        let (context, mut permit) = (passage.context, passage.permit);
        permit.begin()?;
        let (to, permit) = if passage.length.is_some_and(|length| length <= MAX_SMALL) {
            (Destination::Files, Some(permit))
        } else {
            let named = virustotal.upload_url(&context, virustotal.deadline()).await;
            // This call spends the unit; the upload itself is free.
            (permit.record(named)?, None)
        };
        // The client has hung up: nothing was sent if no upload URL was requested.
        if passage.begin.send(()).is_err() {
            if let Some(permit) = permit {
                permit.release();
            }
            return Err(SubmitError::Lost);
        }
        // From here on a dropped call counts as a write that may have been carried out.
        let mut write = Write::new(cache, Vec::new());
        let mut answer = pin!(virustotal.upload(&context, to, passage.form));
        let answer = tokio::select! {
            biased;
            early = &mut answer => early,
            names = passage.names => {
                // From here on VirusTotal may have the whole form. If the client broke off there
                // are no names, and the call ends by itself.
                write.add(names.unwrap_or_default());
                let late = timeout(virustotal.patience() * LAST_PATIENCE, answer).await;
                late.unwrap_or(Err(UpstreamError::Timeout))
            }
        };
        let answer = match permit {
            Some(permit) => permit.record(answer),
            None => quota.record(&context, &Endpoint::Upload, answer),
        };
        write.settle(answer.as_deref()).await;
        Ok(answer?)
    }
}

/// A form on its way to VirusTotal.
struct Passage {
    context: RequestContext,
    permit: Permit,
    /// The form's length, if known.
    length: Option<u64>,
    form: UploadForm,
    /// Signals that VirusTotal accepts the form from now on.
    begin: oneshot::Sender<()>,
    /// The names of the file, sent once the whole form has arrived.
    names: oneshot::Receiver<Vec<ObjectName>>,
}

/// A form that is being read, with the state of its parser.
struct Arriving<'a, B> {
    body: &'a mut B,
    form: Form,
    /// The time limit for forwarding one piece.
    patience: Duration,
    pace: Pace,
}

/// The first pieces of a form.
struct Beginning {
    pieces: Vec<Bytes>,
    /// Whether these are all pieces of the form.
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

    /// Forwards the pieces already read and those that still arrive.
    ///
    /// The last piece is held back until the form is known to be complete, so that VirusTotal
    /// cannot take half a form for a whole one. `ended` receives the file's names before that piece
    /// is sent.
    async fn pass_on(
        &mut self,
        beginning: Beginning,
        feed: BodySender,
        ended: oneshot::Sender<Vec<ObjectName>>,
    ) -> Result<(), SubmitError> {
        let mut held = None;
        for piece in beginning.pieces {
            send(&feed, held.replace(piece), self.patience).await?;
        }
        if !beginning.is_whole {
            while let Some(piece) = self.next().await? {
                send(&feed, held.replace(piece), self.patience).await?;
            }
        }
        let _ = ended.send(self.form.names());
        send(&feed, held, self.patience).await?;
        // If the request has already ended, its answer carries the error.
        let _ = feed.finish().await;
        Ok(())
    }

    /// Returns the next piece, or `None` if the form has ended and is complete.
    async fn next(&mut self) -> Result<Option<Bytes>, FormError> {
        loop {
            match self.frame().await? {
                None => return self.form.end().map(|()| None),
                Some(Err(_)) => return Err(FormError::BrokenOff),
                Some(Ok(frame)) => {
                    // Trailers are ignored.
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

    /// Waits for the next frame as long as the sender's pace allows.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, B::Error>>, FormError> {
        loop {
            let began = Instant::now();
            let frame = poll_fn(|context| Pin::new(&mut *self.body).poll_frame(context));
            // Bytes and time are counted before the pace is checked, whichever of them ended the
            // wait.
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

/// Forwards a piece, if there is one, as soon as there is room for it.
async fn send(
    feed: &BodySender,
    piece: Option<Bytes>,
    patience: Duration,
) -> Result<(), UpstreamError> {
    let Some(piece) = piece else { return Ok(()) };
    match timeout(patience, feed.send(piece)).await {
        // The request has ended. Its answer, which is polled beside this, decides the outcome.
        Ok(Err(_)) => std::future::pending().await,
        Ok(Ok(())) => Ok(()),
        Err(_) => Err(UpstreamError::Timeout),
    }
}
