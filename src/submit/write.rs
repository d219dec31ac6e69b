//! Invalidation of cached answers after a write.

use crate::{
    cache::{Cache, Certainty, ObjectName},
    render,
    virustotal::UpstreamError,
};

/// A write that was sent, or is about to be.
///
/// If it is dropped before its outcome is known, the write counts as possibly carried out.
#[derive(Debug)]
pub(super) struct Write<'a> {
    cache: &'a Cache,
    names: Vec<ObjectName>,
}

impl<'a> Write<'a> {
    /// Begins a write to the object with these names, as far as they are known.
    pub(super) fn new(cache: &'a Cache, names: Vec<ObjectName>) -> Self {
        Self { cache, names }
    }

    /// Adds names that became known while the write was sent.
    pub(super) fn add(&mut self, names: Vec<ObjectName>) {
        self.names.extend(names);
    }

    /// Invalidates the object's cached answers according to the outcome of the write.
    pub(super) async fn settle(mut self, answer: Result<&[u8], &UpstreamError>) {
        let names = std::mem::take(&mut self.names);
        match answer {
            Ok(answer) => self.note_accepted(names, answer).await,
            Err(error) if error.may_have_been_carried_out() => {
                self.cache.note_write(&names, Certainty::Possible);
                self.cache.learn_names(&names).await;
            }
            Err(_) => {}
        }
    }

    /// Records an accepted write. If VirusTotal answered with an analysis, that reveals more names.
    async fn note_accepted(&self, mut names: Vec<ObjectName>, answer: &[u8]) {
        let analysis = render::id(answer).unwrap_or_default();
        names.extend(ObjectName::of_analysis(&analysis));
        names.extend(ObjectName::in_analysis(answer));
        // The names are joined first, so that the write applies to all of them.
        self.cache.join_names(&names);
        if !analysis.is_empty() {
            self.cache.note_begun(&analysis, &names);
        }
        self.cache.note_write(&names, Certainty::Certain);
        self.cache.learn_names(&names).await;
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        self.cache.note_write(&names, Certainty::Possible);
    }
}
