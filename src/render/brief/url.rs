//! URLs in brief.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    assessed::{Assessed, Standing},
    report::Report,
    values::{Bounds, MAX_TEXT, string},
};
use crate::{
    indicator::Kind,
    render::verdict::{Evidence, reserved},
};

/// The attributes that the brief of a URL is made from.
pub(super) const ATTRIBUTES: &[&str] = &[
    "url",
    "gti_assessment",
    "last_analysis_stats",
    "last_analysis_results",
    "last_analysis_date",
    "last_final_url",
    "last_http_response_code",
    "categories",
    "threat_names",
    "first_submission_date",
    "redirection_chain",
    "popularity_ranks",
    "reputation",
    "total_votes",
    "tags",
    "title",
];

/// The bounds of the names of threats.
const THREATS: Bounds = Bounds {
    texts: 3,
    bytes: 60,
};

/// The facts that decide about a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UrlBrief {
    /// The indicator, the verdict, the detections and the last analysis.
    #[serde(flatten)]
    pub assessed: Assessed,
    /// The URL to which it leads in the end, where it differs. A stranger chooses this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub final_url: Option<String>,
    /// The HTTP status of the last response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u64>,
    /// Up to 4 categories that vendors give it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub categories: Vec<String>,
    /// Up to 3 names of threats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub threat_names: Vec<String>,
    /// The day of the first submission, as `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub first_seen: Option<String>,
    /// The number of URLs in the chain of redirects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects: Option<u64>,
    /// The reputation, the votes, the tags and the link.
    #[serde(flatten)]
    pub standing: Standing,
    /// Texts from strangers.
    #[serde(skip_serializing_if = "UrlTexts::is_empty")]
    pub untrusted: UrlTexts,
}

/// The texts from strangers in the brief of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct UrlTexts {
    /// The title of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub title: Option<String>,
}

impl UrlBrief {
    /// Returns the brief of a URL.
    pub(super) fn of(report: &Report<'_, '_>) -> Self {
        let url = report.url();
        let id = report.id();
        let own_rank = report.popularity();
        let evidence = Evidence {
            reserved: url.as_deref().and_then(reserved_host),
            rank: own_rank.as_ref().or(report.context.domain_rank),
            ..Evidence::default()
        };
        let value = url.as_deref().or(id.as_deref());
        let redirects = report.attributes.elements("redirection_chain").total;
        Self {
            assessed: report.assessed(Kind::Url, value, &evidence),
            final_url: final_url(report, url.as_deref()),
            http_status: report.number("last_http_response_code"),
            categories: report.categories(),
            threat_names: report.list("threat_names", THREATS),
            first_seen: report.date("first_submission_date"),
            redirects: (redirects > 0).then_some(redirects),
            standing: report.standing("url"),
            untrusted: UrlTexts {
                title: report
                    .attributes
                    .raw("title")
                    .and_then(|title| report.stranger(title)),
            },
        }
    }
}

impl UrlTexts {
    /// Returns whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
    }
}

/// Returns the final URL, if it differs.
fn final_url(report: &Report<'_, '_>, url: Option<&str>) -> Option<String> {
    let found = report.attributes.raw("last_final_url").and_then(string)?;
    if Some(&*found) == url {
        return None;
    }
    report.treated(&found, MAX_TEXT)
}

/// Returns the kind of the host's address, if that is not a public one.
fn reserved_host(url: &str) -> Option<&'static str> {
    match url::Url::parse(url).ok()?.host()? {
        url::Host::Ipv4(address) => reserved(address.into()),
        url::Host::Ipv6(address) => reserved(address.into()),
        url::Host::Domain(_) => None,
    }
}
