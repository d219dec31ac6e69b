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
            | Self::UploadUrl => false,
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
