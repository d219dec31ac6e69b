//! The rank of a URL's domain, from a report on the domain that is cached.

use url::Url;

use super::Lookup;
use crate::{
    access::RequestContext,
    cache::{About, Question, TtlRule},
    indicator::{Indicator, Kind, decode_base64},
    render::{self, verdict::Popularity},
    virustotal::{Call, Endpoint},
};

impl Lookup {
    /// Returns the best rank of a URL's host or of a domain above it. VirusTotal is never asked.
    ///
    /// A URL that is given by VirusTotal's id has no host to go by.
    pub(super) async fn domain_rank(
        &self,
        context: &RequestContext,
        url: &Indicator,
    ) -> Option<Popularity> {
        let text = String::from_utf8(decode_base64(url.id())?).ok()?;
        let url = Url::parse(&text).ok()?;
        let mut name = url.domain()?;
        if !self.0.cache.may_use_cache(context).await {
            return None;
        }
        // A name without a dot is no domain that a report could be about.
        while name.contains('.') {
            if let Some(rank) = self.cached_rank(context, name) {
                return Some(rank);
            }
            let (_, parent) = name.split_once('.')?;
            name = parent;
        }
        None
    }

    fn cached_rank(&self, context: &RequestContext, name: &str) -> Option<Popularity> {
        let domain = Indicator::domain(name).ok()?;
        let question = Question {
            call: Call::about(Endpoint::Report(Kind::Domain), domain.id()),
            about: About::Object(domain),
            ttl: TtlRule::Report,
        };
        let report = self.0.cache.peek(context, &question)?;
        render::popularity(&report.plain().ok()?)
    }
}
