//! The rank of a URL's domain, from a report on the domain that is cached.

use url::Url;

use super::{Lookup, report_question};
use crate::{
    access::RequestContext,
    indicator::{Indicator, Kind, decode_base64},
    render::{self, verdict::Popularity},
};

impl Lookup {
    /// Returns the best rank of a URL's host or of a domain above it, up to the registrable one. VirusTotal is
    /// never asked.
    ///
    /// Other indicators have none, nor has a URL that is given by VirusTotal's id.
    pub(super) async fn rank_for_brief(
        &self,
        context: &RequestContext,
        url: &Indicator,
    ) -> Option<Popularity> {
        if url.kind() != Kind::Url {
            return None;
        }
        let text = String::from_utf8(decode_base64(url.id())?).ok()?;
        let url = Url::parse(&text).ok()?;
        let mut name = url.domain()?.trim_end_matches('.');
        if !self.0.cache.may_use_cache(context).await {
            return None;
        }
        // Names above the registrable one belong to others: `github.io` says nothing of its users.
        let last = psl::domain_str(name).unwrap_or(name);
        loop {
            if let Some(rank) = self.cached_rank(context, name) {
                return Some(rank);
            }
            if name == last {
                return None;
            }
            let (_, parent) = name.split_once('.')?;
            name = parent;
        }
    }

    fn cached_rank(&self, context: &RequestContext, name: &str) -> Option<Popularity> {
        let domain = Indicator::domain(name).ok()?;
        let question = report_question(&domain, &[]);
        let report = self.0.cache.peek(context, &question)?;
        render::popularity(&report.plain().ok()?)
    }
}
