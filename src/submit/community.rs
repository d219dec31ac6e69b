//! What a caller adds to an object for others to see: a comment, a vote.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A comment or a vote, as VirusTotal takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contribution {
    /// Text; words that begin with `#` become tags. Never empty.
    Comment(String),
    /// An opinion.
    Vote(Verdict),
}

/// What a vote says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Verdict {
    /// It does harm.
    Malicious,
    /// It does none.
    Harmless,
}

/// A text only: read as an enum is, it could also be an object with one of the names in it.
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

/// VirusTotal's envelope around an object that is sent to it.
#[derive(Debug, Serialize)]
pub(super) struct Envelope<'a> {
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
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
    /// Where VirusTotal keeps its kind, below the object it is about.
    pub fn collection(&self) -> &'static str {
        match self {
            Self::Comment(_) => "comments",
            Self::Vote(_) => "votes",
        }
    }

    pub(super) fn object_type(&self) -> &'static str {
        match self {
            Self::Comment(_) => "comment",
            Self::Vote(_) => "vote",
        }
    }

    pub(super) fn envelope(&self) -> Envelope<'_> {
        let attributes = match self {
            Self::Comment(text) => Attributes::Text(text),
            Self::Vote(verdict) => Attributes::Verdict(*verdict),
        };
        Envelope {
            data: Data {
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
    fn virustotal_gets_its_own_envelope() {
        let comment = Contribution::Comment("bad #stealer".to_owned());
        let vote = Contribution::Vote(Verdict::Malicious);
        let json = |it: &Contribution| serde_json::to_value(it.envelope()).unwrap();
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
