//! VirusTotal's endpoints, to each of which its rate limits apply separately.

use std::fmt;

use super::relationships;
use crate::indicator::Kind;

/// An endpoint of the VirusTotal API: a method and a path with `{}` in place of the id.
///
/// Its text, such as `GET /files/{}/comments`, names it in back-offs that replicas share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /{collection}/{}`: the report on an object.
    Report(Kind),
    /// `GET /{collection}/{}/{relationship}`: objects that are related to one.
    Related(Kind, String),
    /// `GET /{collection}/{}/relationships/{relationship}`: their types and ids only.
    Descriptors(Kind, String),
    /// `GET /files/{}/{part}`: a summary of a file's sandbox reports.
    Behaviour(&'static str),
    /// `GET /analyses/{}`: the state of an analysis.
    Analysis,
    /// `GET /search`: indicators, and comments by tag.
    Search,
    /// `GET /intelligence/search`: a search for premium keys.
    IntelligenceSearch,
    /// `GET /users/{}/overall_quotas`: the allowances and the usage of a key; costs no quota.
    OverallQuotas,
    /// `GET /files/upload_url`: a URL for a large file.
    UploadUrl,
    /// `POST /files`: an upload.
    Upload,
    /// `POST /urls`: a scan of a URL.
    ScanUrl,
    /// `POST /{collection}/{}/analyse`: a new analysis of a known object.
    Analyse(Kind),
    /// `POST /{collection}/{}/comments`.
    Comment(Kind),
    /// `POST /{collection}/{}/votes`.
    Vote(Kind),
    /// Any other endpoint, to which a client's request is passed on.
    Other(OtherEndpoint),
}

/// An endpoint that only clients of VirusTotal's own API use, as text: `GET /comments/{}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherEndpoint(Box<str>);

/// The words that stand in VirusTotal's paths. Any other segment counts as an id.
const WORDS: [&str; 40] = [
    "analyse",
    "analyses",
    "attack_tactics",
    "attack_techniques",
    "behaviours",
    "collections",
    "comments",
    "domains",
    "download",
    "download_url",
    "feeds",
    "file-behaviours",
    "file_behaviours",
    "files",
    "graphs",
    "groups",
    "hunting_notifications",
    "hunting_rulesets",
    "intelligence",
    "ioc_stream",
    "ip_addresses",
    "metadata",
    "monitor",
    "monitor_items",
    "operations",
    "popular_threat_categories",
    "private",
    "relationships",
    "resolutions",
    "retrohunt_jobs",
    "search",
    "sigma_rules",
    "threat_actors",
    "upload_url",
    "urls",
    "users",
    "votes",
    "yara_rules",
    "yara_rulesets",
    "zip_files",
];

/// The number of segments that tell endpoints apart.
const MAX_SEGMENTS: usize = 6;

impl OtherEndpoint {
    /// Returns the endpoint of a method and the segments of a path.
    ///
    /// Every segment that is not one of VirusTotal's words is `{}`, so the text holds no id.
    pub fn of<'a>(method: &str, segments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = method.to_owned();
        text.push(' ');
        for segment in segments.into_iter().take(MAX_SEGMENTS) {
            text.push('/');
            text.push_str(if WORDS.contains(&segment) {
                segment
            } else {
                "{}"
            });
        }
        Self(text.into())
    }

    /// Returns the text up to the first segment, whose number of values is bounded.
    fn label(&self) -> &str {
        let end = self.0.match_indices('/').nth(1);
        let end = end.map_or(self.0.len(), |(at, _)| at);
        self.0.get(..end).unwrap_or_default()
    }
}

impl Endpoint {
    /// Whether calls are a POST, which is never retried.
    pub(super) fn is_post(&self) -> bool {
        match self {
            Self::Upload | Self::ScanUrl | Self::Analyse(_) | Self::Comment(_) | Self::Vote(_) => {
                true
            }
            Self::Report(_)
            | Self::Related(..)
            | Self::Descriptors(..)
            | Self::Behaviour(_)
            | Self::Analysis
            | Self::Search
            | Self::IntelligenceSearch
            | Self::OverallQuotas
            | Self::UploadUrl
            | Self::Other(_) => false,
        }
    }

    /// Returns the path.
    pub(super) fn path(&self) -> EndpointPath<'_> {
        let (before, after) = match self {
            Self::Report(kind) => (kind.upstream_collection(), ["", ""]),
            Self::Related(kind, name) => (kind.upstream_collection(), [name, ""]),
            Self::Descriptors(kind, name) => (kind.upstream_collection(), ["relationships", name]),
            Self::Behaviour(part) => (Kind::File.upstream_collection(), [*part, ""]),
            Self::Analysis => ("analyses", ["", ""]),
            Self::OverallQuotas => ("users", ["overall_quotas", ""]),
            Self::Analyse(kind) => (kind.upstream_collection(), ["analyse", ""]),
            Self::Comment(kind) => (kind.upstream_collection(), ["comments", ""]),
            Self::Vote(kind) => (kind.upstream_collection(), ["votes", ""]),
            Self::Search => return EndpointPath::Fixed("/search"),
            Self::IntelligenceSearch => return EndpointPath::Fixed("/intelligence/search"),
            Self::UploadUrl => return EndpointPath::Fixed("/files/upload_url"),
            Self::Upload => return EndpointPath::Fixed("/files"),
            Self::ScanUrl => return EndpointPath::Fixed("/urls"),
            // Its calls are passed on as they came.
            Self::Other(_) => return EndpointPath::Fixed(""),
        };
        EndpointPath::AroundId { before, after }
    }

    /// Returns the endpoint as a label of metrics: an unknown relationship is `{}`, so that their
    /// number is bounded.
    pub(super) fn label(&self) -> String {
        let unnamed = String::from("{}");
        match self {
            Self::Related(kind, name) if !relationships::is_known(name) => {
                Self::Related(*kind, unnamed).to_string()
            }
            Self::Descriptors(kind, name) if !relationships::is_known(name) => {
                Self::Descriptors(*kind, unnamed).to_string()
            }
            Self::Other(other) => other.label().to_owned(),
            known => known.to_string(),
        }
    }
}

/// The path of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum EndpointPath<'a> {
    /// The whole path.
    Fixed(&'static str),
    /// The collection before the id, and up to two segments after it; those that are not there are
    /// empty.
    AroundId {
        before: &'static str,
        after: [&'a str; 2],
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(other) = self {
            return f.write_str(&other.0);
        }
        let method = if self.is_post() { "POST" } else { "GET" };
        match self.path() {
            EndpointPath::Fixed(path) => write!(f, "{method} {path}"),
            EndpointPath::AroundId { before, after } => {
                write!(f, "{method} /{before}/{{}}")?;
                for segment in after.iter().filter(|segment| !segment.is_empty()) {
                    write!(f, "/{segment}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn related(name: &str) -> Endpoint {
        Endpoint::Related(Kind::File, name.to_owned())
    }

    fn descriptors(name: &str) -> Endpoint {
        Endpoint::Descriptors(Kind::Url, name.to_owned())
    }

    #[rstest]
    #[case(Endpoint::Report(Kind::File), "GET /files/{}")]
    #[case(Endpoint::Report(Kind::Ip), "GET /ip_addresses/{}")]
    #[case(related("contacted_domains"), "GET /files/{}/contacted_domains")]
    #[case(descriptors("comments"), "GET /urls/{}/relationships/comments")]
    #[case(
        Endpoint::Behaviour("behaviour_summary"),
        "GET /files/{}/behaviour_summary"
    )]
    #[case(Endpoint::Analysis, "GET /analyses/{}")]
    #[case(Endpoint::Search, "GET /search")]
    #[case(Endpoint::IntelligenceSearch, "GET /intelligence/search")]
    #[case(Endpoint::OverallQuotas, "GET /users/{}/overall_quotas")]
    #[case(Endpoint::UploadUrl, "GET /files/upload_url")]
    #[case(Endpoint::Upload, "POST /files")]
    #[case(Endpoint::ScanUrl, "POST /urls")]
    #[case(Endpoint::Analyse(Kind::Url), "POST /urls/{}/analyse")]
    #[case(Endpoint::Comment(Kind::Domain), "POST /domains/{}/comments")]
    #[case(Endpoint::Vote(Kind::Domain), "POST /domains/{}/votes")]
    fn an_endpoint_is_a_method_and_a_pattern(#[case] endpoint: Endpoint, #[case] text: &str) {
        assert_eq!(endpoint.to_string(), text);
        assert_eq!(endpoint.label(), text);
    }

    #[test]
    fn a_label_has_no_unknown_name() {
        assert_eq!(related("made_up").to_string(), "GET /files/{}/made_up");
        assert_eq!(related("made_up").label(), "GET /files/{}/{}");
        let label = descriptors("made_up").label();
        assert_eq!(label, "GET /urls/{}/relationships/{}");
    }
}
