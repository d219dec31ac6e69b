//! The rank of a URL's domain, from a report on the domain that is cached.

use url::Url;

use super::{Lookup, report_question};
use crate::{
    access::RequestContext,
    indicator::{Indicator, Kind, decode_base64},
    render::{self, verdict::Popularity},
};

impl Lookup {
    /// Returns the rank of a URL's host, with `www.` or without it. VirusTotal is never asked.
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
        let host = url.domain()?.trim_end_matches('.');
        if !self.0.cache.may_use_cache(context).await {
            return None;
        }
        // No other domain above it counts: those who rent a name below a popular one may be anyone.
        let plain = host.strip_prefix("www.");
        let rank = self.cached_rank(context, host);
        rank.or_else(|| self.cached_rank(context, plain?))
    }

    fn cached_rank(&self, context: &RequestContext, name: &str) -> Option<Popularity> {
        let domain = Indicator::domain(name).ok()?;
        let question = report_question(&domain, &[]);
        let report = self.0.cache.peek(context, &question)?;
        render::popularity(&report.plain().ok()?)
    }
}
