//! Rendering an answer into the view that a caller asked for.

use std::sync::Arc;

use bytes::Bytes;

use super::{Freshness, Got, Lookup, LookupError, Origin, Reply, Seen, names::Rendered, reply};
use crate::{
    cache::{Answer, CacheKey, CachedAnswer, Moment},
    render::{RenderError, View},
};

impl Lookup {
    /// Renders a view of an answer, on a blocking thread if the answer is large.
    pub(super) async fn show(
        &self,
        got: Got,
        view: &View<'_>,
        freshness: &Freshness,
        render: impl Fn(&Bytes) -> Result<Rendered, RenderError>,
    ) -> Result<Reply, LookupError> {
        let size = got.size();
        let show = || self.show_now(got, view, freshness, render);
        self.parts().virustotal.large().run(size, show).await
    }

    /// Returns the cached view of an answer, or renders it.
    ///
    /// Rendering is the first time an answer is parsed. A malformed answer is evicted, and the
    /// answer that it replaced is restored.
    fn show_now(
        &self,
        got: Got,
        view: &View<'_>,
        freshness: &Freshness,
        render: impl Fn(&Bytes) -> Result<Rendered, RenderError>,
    ) -> Result<Reply, LookupError> {
        let cache = &self.parts().cache;
        let (view_key, is_new) = (reply::view_key(view), got.seen.origin == Origin::Miss);
        // A new answer has no views yet, so the lookup is skipped.
        if !is_new && let Some(finished) = cache.view(&got.key, &view_key, &got.answer) {
            return Ok(Reply {
                finished,
                seen: got.seen,
            });
        }
        let Rendered { answer, told } = match render(&got.plain()?) {
            Ok(rendered) => rendered,
            Err(RenderError::TooLarge) => return Err(LookupError::TooLarge),
            Err(malformed) => {
                let old = self.fall_back(got, freshness).ok_or(malformed)?;
                return Ok(Reply::new(render(&old.plain()?)?.answer, old.seen));
            }
        };
        // If the answer was rendered before, it revealed the same names then.
        let _ = got.answer.told.set(told.into());
        let reply = Reply::new(answer, got.seen);
        // Most answers are asked for only once, so a view is cached from the second time on.
        if !is_new {
            cache.put_view(&got.key, view_key, &got.answer, &reply.finished);
        }
        Ok(reply)
    }

    /// Evicts a malformed answer and restores the entry it replaced, if that entry is still
    /// acceptable.
    fn fall_back(&self, got: Got, freshness: &Freshness) -> Option<Got> {
        let parts = self.parts();
        parts.cache.remove(&got.key);
        let kept = parts.cache.recheck(got.before?)?;
        if !freshness.puts_up_with(&kept, Moment::now(), &parts.rules) {
            return None;
        }
        parts.cache.put(&got.key, &kept.answer);
        Got::new(got.key, kept.answer, Origin::StaleForUpstream).ok()
    }
}

impl Got {
    pub(super) fn new(
        key: CacheKey,
        answer: Arc<CachedAnswer>,
        origin: Origin,
    ) -> Result<Self, LookupError> {
        let came = Moment::now();
        let age = answer.age(came);
        let seen = Seen { origin, age };
        if let Answer::NotFound(refusal) = &answer.answer {
            return Err(LookupError::Unknown(refusal.clone(), seen));
        }
        Ok(Self {
            key,
            answer,
            seen,
            plain: None,
            is_new: false,
            before: None,
            came,
        })
    }

    /// Returns the uncompressed size of the answer in bytes.
    pub(super) fn size(&self) -> usize {
        match &self.answer.answer {
            Answer::Found(packed) => packed.length(),
            Answer::NotFound(_) => 0,
        }
    }

    pub(super) fn plain(&self) -> Result<Bytes, LookupError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        match &self.answer.answer {
            Answer::Found(packed) => Ok(packed.unpack()?),
            Answer::NotFound(refusal) => Err(LookupError::Unknown(refusal.clone(), self.seen)),
        }
    }
}
