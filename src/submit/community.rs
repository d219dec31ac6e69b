//! Contributions to an object that others can see: comments and votes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{indicator::Kind, virustotal::Endpoint};

/// A comment or a vote, in VirusTotal's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contribution {
    /// A comment; words that begin with `#` become tags. Never empty.
    Comment(String),
    /// A vote.
    Vote(Verdict),
}

/// The verdict of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Verdict {
    /// The object is malicious.
    Malicious,
    /// The object is harmless.
    Harmless,
}

/// Accepts a string only. A derived `Deserialize` would also accept an object with the variant's
/// name as its key.
impl TryFrom<String> for Verdict {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "malicious" => Ok(Self::Malicious),
            "harmless" => Ok(Self::Harmless),
            _ => Err("expected `malicious` or `harmless`"),
        }
    }
}

/// The body of the request that posts a contribution.
#[derive(Debug, Serialize)]
pub(super) struct ContributionBody<'a> {
    data: ContributionData<'a>,
}

#[derive(Debug, Serialize)]
struct ContributionData<'a> {
    #[serde(rename = "type")]
    object_type: &'static str,
    attributes: Attributes<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Attributes<'a> {
    Text(&'a str),
    Verdict(Verdict),
}

impl Contribution {
    /// Returns the endpoint to which this is posted for an object of this kind.
    pub(super) fn endpoint(&self, kind: Kind) -> Endpoint {
        match self {
            Self::Comment(_) => Endpoint::Comment(kind),
            Self::Vote(_) => Endpoint::Vote(kind),
        }
    }

    pub(super) fn object_type(&self) -> &'static str {
        match self {
            Self::Comment(_) => "comment",
            Self::Vote(_) => "vote",
        }
    }

    pub(super) fn body(&self) -> ContributionBody<'_> {
        let attributes = match self {
            Self::Comment(text) => Attributes::Text(text),
            Self::Vote(verdict) => Attributes::Verdict(*verdict),
        };
        ContributionBody {
            data: ContributionData {
                object_type: self.object_type(),
                attributes,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn body_is_in_virustotals_envelope() {
        let comment = Contribution::Comment("bad #stealer".to_owned());
        let vote = Contribution::Vote(Verdict::Malicious);
        let json = |it: &Contribution| serde_json::to_value(it.body()).unwrap();
        assert_eq!(
            json(&comment),
            json!({"data": {"type": "comment", "attributes": {"text": "bad #stealer"}}})
        );
        assert_eq!(
            json(&vote),
            json!({"data": {"type": "vote", "attributes": {"verdict": "malicious"}}})
        );
    }
}
