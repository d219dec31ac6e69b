//! A file on its way to VirusTotal: checked, counted and forwarded while it arrives.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{body::Body, header::HeaderValue};
use tokio::{sync::oneshot, time::timeout};
use tracing::{Instrument as _, Span};

use super::{
    Parts, Started, Submit, SubmitError,
    form::{self, Form, FormError},
    incoming::PacedBody,
    started,
    write::Write,
};
use crate::{
    access::RequestContext,
    cache::ObjectName,
    quota::{Permit, Terms},
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
const MAX_PREFIX: usize = 64 * 1024;

/// The factor by which the time limit for the answer exceeds that for a single piece.
///
/// When the last piece is handed over, megabytes may still wait in buffers for a slow line, and
/// VirusTotal has to process the file.
pub(super) const LAST_PIECE_FACTOR: u32 = 4;

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
        let mut stream = FormStream {
            source: PacedBody::new(incoming.body, self.parts().virustotal.timeout()),
            form: Form::new(boundary),
            piece_timeout: self.parts().virustotal.timeout(),
        };
        let prefix = context.cost.waiting(stream.prefix()).await?;
        // A form without `Content-Length` has a length after all if it ended within the prefix.
        let length = length.or(prefix.whole_length());
        let (feed, body) = upload::channel_body(length);
        let form = UploadForm {
            content_type: form::content_type(boundary)?,
            body,
        };
        // An upload spends the quota of this endpoint, for small and large files alike.
        let permit = self
            .parts()
            .quota
            .acquire(context, &Endpoint::Upload, Terms::Now)
            .await?;
        let (names_sender, names) = oneshot::channel();
        let (start_sender, start) = oneshot::channel();
        let job = UploadJob {
            context: context.clone(),
            permit,
            length,
            form,
            start: start_sender,
            names,
        };
        let mut receiver = self.spawn_upload(job);
        let forwarding = async {
            // VirusTotal accepts nothing before the call has a place.
            let has_started = start.await.is_ok();
            if has_started {
                stream.forward(prefix, feed, names_sender).await?;
            }
            Ok::<_, SubmitError>(())
        };
        let answer = tokio::select! {
            biased;
            // VirusTotal may refuse a form before it has arrived completely.
            early = &mut receiver => early,
            forwarded = forwarding => {
                forwarded?;
                receiver.await
            }
        };
        // The sender is dropped without an answer only if the task panics.
        let answer = answer.unwrap_or(Err(SubmitError::Lost));
        started(&answer?, view)
    }

    /// Sends a form to VirusTotal on a task of its own.
    ///
    /// Once VirusTotal may have the whole form, its answer counts even if the client has hung up.
    fn spawn_upload(&self, job: UploadJob) -> oneshot::Receiver<Result<Bytes, SubmitError>> {
        let (mut sender, receiver) = oneshot::channel();
        let submit = self.clone();
        let upload = async move {
            let place = tokio::select! {
                slot = submit.parts().quota.wait_for_call_slot(&job.context) => slot,
                () = sender.closed() => return,
            };
            // Boxed, because the future is large and is wrapped several times before it runs.
            let answer = Box::pin(submit.send_form(job)).await;
            drop(place);
            let _ = sender.send(answer);
        };
        let upload = Box::pin(upload).instrument(Span::current());
        let metrics = Arc::clone(&self.parts().metrics);
        self.parts().tasks.spawn(async move {
            let _ = metrics.count_panic(upload).await;
        });
        receiver
    }

    async fn send_form(&self, job: UploadJob) -> Result<Bytes, SubmitError> {
        let Parts {
            virustotal,
            quota,
            cache,
            ..
        } = self.parts();
        let (context, mut permit) = (job.context, job.permit);
        permit.begin()?;
        let (to, permit) = if job.length.is_some_and(|length| length <= MAX_SMALL) {
            (Destination::Files, Some(permit))
        } else {
            let named = virustotal.upload_url(&context, virustotal.deadline()).await;
            // This call spends the unit; the upload itself is free.
            (permit.record(named)?, None)
        };
        // The client has hung up: nothing was sent if no upload URL was requested.
        if job.start.send(()).is_err() {
            if let Some(permit) = permit {
                permit.release();
            }
            return Err(SubmitError::Lost);
        }
        // From here on a dropped call counts as a write that may have been carried out.
        let mut write = Write::new(cache, Vec::new());
        let mut answer = pin!(virustotal.upload(&context, to, job.form));
        let answer = tokio::select! {
            biased;
            early = &mut answer => early,
            names = job.names => {
                // From here on VirusTotal may have the whole form. If the client broke off there
                // are no names, and the call ends by itself.
                write.add(names.unwrap_or_default());
                let late = timeout(virustotal.timeout() * LAST_PIECE_FACTOR, answer).await;
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
struct UploadJob {
    context: RequestContext,
    permit: Permit,
    /// The form's length, if known.
    length: Option<u64>,
    form: UploadForm,
    /// The signal that VirusTotal accepts the form from now on.
    start: oneshot::Sender<()>,
    /// The names of the file, sent once the whole form has arrived.
    names: oneshot::Receiver<Vec<ObjectName>>,
}

/// A form that is being read, with the state of its parser.
struct FormStream<'a, B> {
    source: PacedBody<'a, B>,
    form: Form,
    /// The time limit for forwarding one piece.
    piece_timeout: Duration,
}

/// The first pieces of a form.
struct Prefix {
    pieces: Vec<Bytes>,
    /// Whether these are all pieces of the form.
    is_whole: bool,
}

impl Prefix {
    fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn whole_length(&self) -> Option<u64> {
        self.is_whole.then(|| self.length() as u64)
    }
}

impl<B: Body<Data = Bytes> + Unpin> FormStream<'_, B> {
    async fn prefix(&mut self) -> Result<Prefix, FormError> {
        let mut prefix = Prefix {
            pieces: Vec::new(),
            is_whole: false,
        };
        while prefix.length() <= MAX_PREFIX && !prefix.is_whole {
            match self.next().await? {
                Some(piece) => prefix.pieces.push(piece),
                None => prefix.is_whole = true,
            }
        }
        Ok(prefix)
    }

    /// Forwards the pieces already read and those that still arrive.
    ///
    /// The last piece is held back until the form is known to be complete, so that VirusTotal
    /// cannot take half a form for a whole one. `names_sender` gets the file's names before that piece
    /// is sent.
    async fn forward(
        &mut self,
        prefix: Prefix,
        feed: BodySender,
        names_sender: oneshot::Sender<Vec<ObjectName>>,
    ) -> Result<(), SubmitError> {
        let mut held = None;
        for piece in prefix.pieces {
            send(&feed, held.replace(piece), self.piece_timeout).await?;
        }
        if !prefix.is_whole {
            while let Some(piece) = self.next().await? {
                send(&feed, held.replace(piece), self.piece_timeout).await?;
            }
        }
        let _ = names_sender.send(self.form.names());
        send(&feed, held, self.piece_timeout).await?;
        // If the request has already ended, its answer carries the error.
        let _ = feed.finish().await;
        Ok(())
    }

    /// Returns the next piece, or `None` if the form has ended and is complete.
    async fn next(&mut self) -> Result<Option<Bytes>, FormError> {
        let piece = self.source.next().await?;
        match &piece {
            Some(piece) => self.form.push(piece)?,
            None => self.form.end()?,
        }
        Ok(piece)
    }
}

/// Forwards a piece, if there is one, as soon as there is room for it.
pub(super) async fn send(
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
