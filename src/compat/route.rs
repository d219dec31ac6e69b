//! The meaning of a request: a read that other entrances have as well, or one that is passed on;
//! the scopes that it takes; the object that it is about.

use axum::http::Method;

use super::{
    indicators::{indicators_in, kind_of},
    target::{Target, without_parameters},
};
use crate::{
    access::clients::Scope,
    cache::ObjectName,
    http::error::ApiError,
    indicator::{Indicator, Kind},
    lookup::{AnalysisId, PassedAbout, PassedQuery},
    submit::forward::PassedWrite,
    virustotal::{Call, Endpoint, OtherEndpoint, relationships},
};

/// The segment of the gateway's own addresses for uploads.
pub(super) const UPLOAD: &str = "_upload";

/// The scopes of reads and writes that REST has as well.
const READ: &[Scope] = &[Scope::Read];
const SEARCH: &[Scope] = &[Scope::Search];
const SUBMIT: &[Scope] = &[Scope::Submit];

/// The scopes of everything else.
const ALL: &[Scope] = &[Scope::All];
const SUBMIT_ALL: &[Scope] = &[Scope::Submit, Scope::All];

/// A request and the way to answer it.
#[derive(Debug)]
pub(super) struct Route {
    /// The scopes that a client needs, all of them.
    pub(super) scopes: &'static [Scope],
    /// The indicators in the path, of which none may be private.
    pub(super) indicators: Vec<Indicator>,
    /// The way to answer.
    pub(super) action: Action,
}

/// The way to answer a request.
#[derive(Debug)]
pub(super) enum Action {
    /// The answer is kept, and shared with the other entrances.
    Read(PassedQuery),
    /// The request is passed on, and its answer is not kept.
    Forward(Forward),
    /// VirusTotal gives an address for an upload, in whose place the gateway gives its own.
    GiveAddress {
        /// The endpoint.
        endpoint: Endpoint,
        /// Whether the file is scanned in private.
        is_private: bool,
    },
    /// A file arrives at an address that the gateway gave.
    Upload(String),
    /// The request is about a user: the decoded id, and whether it asks for the quotas of that user.
    User(Option<String>, bool),
}

/// A request that is passed on.
#[derive(Debug)]
pub(super) struct Forward {
    /// The endpoint, to which VirusTotal's rate limits apply.
    pub(super) endpoint: Endpoint,
    /// The write that it is, if it is one.
    pub(super) write: Option<PassedWrite>,
    pub(super) body: BodyKind,
}

/// The part of a body that may name indicators, none of which may be private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// None: a file, a comment, a vote.
    Opaque,
    /// A form with the URL to scan.
    ScanForm,
    /// Whatever VirusTotal takes there.
    Unknown,
}

impl Action {
    /// Whether it reads an object whose id was understood, or a list of its.
    pub(super) fn is_about_object(&self) -> bool {
        let Self::Read(query) = self else {
            return false;
        };
        matches!(
            query.about,
            PassedAbout::Report(_) | PassedAbout::Contributions(_) | PassedAbout::Part(_)
        )
    }
}

impl Route {
    /// Decides what a request is.
    pub(super) fn of(method: &Method, target: &Target<'_>) -> Result<Self, ApiError> {
        let words = target.words();
        // With an encoded slash, or an empty segment, it might lead to the same place.
        let names = words.iter().flat_map(|word| word.split(['/', '\\']));
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let first = names.first().copied().unwrap_or_default();
        let collection = without_parameters(first);
        if collection.eq_ignore_ascii_case("users") {
            return Ok(Self::to_user(method, &words));
        }
        if collection == UPLOAD {
            return Self::to_upload(method, &words);
        }
        match *method {
            Method::GET | Method::HEAD => Ok(match Self::address(&names) {
                Some(route) => route,
                None => Self::read(method, target, &words),
            }),
            Method::POST => Self::post(&words, &names),
            Method::PUT | Method::PATCH | Method::DELETE => Ok(Self::change(method, &words)),
            _ => Err(ApiError::method_not_allowed(&[
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
            ])),
        }
    }

    fn to_user(method: &Method, words: &[&str]) -> Self {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let (id, asks_for_quotas) = match words {
            ["users", id] if is_read => (Some((*id).to_owned()), false),
            ["users", id, "overall_quotas"] if is_read => (Some((*id).to_owned()), true),
            _ => (None, false),
        };
        Self {
            scopes: READ,
            indicators: Vec::new(),
            action: Action::User(id, asks_for_quotas),
        }
    }

    /// Returns the route of an upload at an address of the gateway's own, which never leaves.
    fn to_upload(method: &Method, words: &[&str]) -> Result<Self, ApiError> {
        match (method, words) {
            (&Method::POST, [UPLOAD, token]) => Ok(Self {
                scopes: SUBMIT,
                indicators: Vec::new(),
                action: Action::Upload((*token).to_owned()),
            }),
            (&Method::POST, _) => Err(ApiError::not_found("no such address for an upload")),
            _ => Err(ApiError::method_not_allowed(&["POST"])),
        }
    }

    /// Returns the route of a request for an address for an upload, if it is one.
    fn address(names: &[&str]) -> Option<Self> {
        let is_private = match names {
            ["files", "upload_url"] => false,
            ["private", "files", "upload_url"] => true,
            _ => return None,
        };
        let endpoint = if is_private {
            Endpoint::Other(OtherEndpoint::of("GET", names.iter().copied()))
        } else {
            Endpoint::UploadUrl
        };
        Some(Self {
            scopes: if is_private { SUBMIT_ALL } else { SUBMIT },
            indicators: Vec::new(),
            action: Action::GiveAddress {
                endpoint,
                is_private,
            },
        })
    }

    fn read(method: &Method, target: &Target<'_>, words: &[&str]) -> Self {
        if let Some((scopes, query)) = kept(target, words) {
            let indicators = match &query.about {
                PassedAbout::Report(it)
                | PassedAbout::Contributions(it)
                | PassedAbout::Part(it) => {
                    vec![it.clone()]
                }
                _ => indicators_in(words),
            };
            return Self {
                scopes,
                indicators,
                action: Action::Read(query),
            };
        }
        Self {
            scopes: if is_lookup(words) { READ } else { ALL },
            indicators: indicators_in(words),
            action: Action::Forward(Forward {
                endpoint: other(method, words),
                write: None,
                body: BodyKind::Opaque,
            }),
        }
    }

    fn post(words: &[&str], names: &[&str]) -> Result<Self, ApiError> {
        let (endpoint, objects, scopes) = match words {
            // The names of the file or URL are read from the body.
            ["files"] => (Endpoint::Upload, vec![Vec::new()], SUBMIT),
            ["urls"] => (Endpoint::ScanUrl, vec![Vec::new()], SUBMIT),
            [collection, id, "analyse" | "comments" | "votes"] if kind_of(collection).is_some() => {
                let kind = kind_of(collection).unwrap_or(Kind::File);
                // A write is never sent about a thing that can't be.
                let indicator = Indicator::parse(kind, id)?;
                let mut objects = vec![ObjectName::of(&indicator)];
                let endpoint = match words.last() {
                    Some(&"comments") => {
                        // The list of the latest comments has it as well.
                        objects.push(vec![ObjectName::new("comments", "")]);
                        Endpoint::Comment(kind)
                    }
                    Some(&"votes") => Endpoint::Vote(kind),
                    _ => Endpoint::Analyse(kind),
                };
                (endpoint, objects, SUBMIT)
            }
            _ => (other(&Method::POST, words), objects_of(words), SUBMIT_ALL),
        };
        let has_answer = scopes == SUBMIT;
        Ok(Self {
            scopes,
            indicators: indicators_in(words),
            action: Action::Forward(Forward {
                endpoint,
                write: Some(PassedWrite {
                    objects,
                    has_answer,
                }),
                body: match has_answer {
                    _ if is_scan(names) => BodyKind::ScanForm,
                    true => BodyKind::Opaque,
                    false => BodyKind::Unknown,
                },
            }),
        })
    }

    fn change(method: &Method, words: &[&str]) -> Self {
        Self {
            scopes: ALL,
            indicators: indicators_in(words),
            action: Action::Forward(Forward {
                endpoint: other(method, words),
                write: Some(PassedWrite {
                    objects: objects_of(words),
                    has_answer: false,
                }),
                body: BodyKind::Unknown,
            }),
        }
    }
}

fn other(method: &Method, words: &[&str]) -> Endpoint {
    Endpoint::Other(OtherEndpoint::of(method.as_str(), words.iter().copied()))
}

/// Whether a post scans a URL, however its path is spelled.
fn is_scan(names: &[&str]) -> bool {
    let collection = match names {
        [collection] => collection,
        [first, collection] if first.eq_ignore_ascii_case("private") => collection,
        _ => return false,
    };
    without_parameters(collection).eq_ignore_ascii_case("urls")
}

/// Returns the question of a read whose answer is kept, with its scopes.
fn kept(target: &Target<'_>, words: &[&str]) -> Option<(&'static [Scope], PassedQuery)> {
    let (scopes, call, about) = match words {
        ["search"] | ["intelligence", "search"] => {
            let endpoint = match words {
                ["search"] => Endpoint::Search,
                _ => Endpoint::IntelligenceSearch,
            };
            let text = target.values("query").join(" ");
            (SEARCH, Call::to(endpoint), PassedAbout::Search(text))
        }
        ["analyses", id] => {
            let _: AnalysisId = id.parse().ok()?;
            let call = Call::about(Endpoint::Analysis, id);
            (READ, call, PassedAbout::Analysis((*id).to_owned()))
        }
        ["metadata"] => (READ, by_path(target, words), about_other("metadata", "")),
        ["comments"] => (READ, by_path(target, words), about_other("comments", "")),
        ["comments" | "votes", id] if is_plain(id) => {
            let about = about_other(words.first()?, id);
            (READ, by_path(target, words), about)
        }
        [collection, id, part @ ..] => {
            let kind = kind_of(collection)?;
            let indicator = Indicator::parse(kind, id).ok()?;
            let endpoint = endpoint_of(kind, part)?;
            let mut call = Call::about(endpoint, indicator.id());
            // Spelled in another way, the id might mean something else to VirusTotal.
            if *id != indicator.id() {
                call = call.spelled(target.path);
            }
            (READ, call, about_object(indicator, part))
        }
        _ => return None,
    };
    let call = match target.query {
        Some(query) => call.with_query(query),
        None => call,
    };
    let query = PassedQuery {
        call,
        about,
        is_packed: false,
    };
    Some((scopes, query))
}

/// Returns the endpoint of a part of an object that is read as REST reads it.
fn endpoint_of(kind: Kind, part: &[&str]) -> Option<Endpoint> {
    let is_related = |name: &str| relationships::is_name(name) && !relationships::is_reserved(name);
    match part {
        [] => Some(Endpoint::Report(kind)),
        ["behaviour_summary"] if kind == Kind::File => {
            Some(Endpoint::Behaviour("behaviour_summary"))
        }
        ["behaviour_mitre_trees"] if kind == Kind::File => {
            Some(Endpoint::Behaviour("behaviour_mitre_trees"))
        }
        [name] if is_related(name) => Some(Endpoint::Related(kind, (*name).to_owned())),
        ["relationships", name] if is_related(name) => {
            Some(Endpoint::Descriptors(kind, (*name).to_owned()))
        }
        _ => None,
    }
}

fn about_object(indicator: Indicator, part: &[&str]) -> PassedAbout {
    match part {
        [] => PassedAbout::Report(indicator),
        ["comments" | "votes"] => PassedAbout::Contributions(indicator),
        _ => PassedAbout::Part(indicator),
    }
}

fn about_other(collection: &str, id: &str) -> PassedAbout {
    PassedAbout::Other(ObjectName::new(collection, id))
}

fn by_path(target: &Target<'_>, words: &[&str]) -> Call {
    let endpoint = OtherEndpoint::of("GET", words.iter().copied());
    Call::other(endpoint, target.path)
}

/// Whether a read whose answer is not kept shows no more than the reads of REST do: an id that is
/// spelled oddly, or what a comment, a vote or an analysis is related to.
fn is_lookup(words: &[&str]) -> bool {
    let (collection, part) = match words {
        [collection, id, part @ ..] if is_plain(id) => (*collection, part),
        _ => return false,
    };
    if let Some(kind) = kind_of(collection) {
        return endpoint_of(kind, part).is_some();
    }
    match (collection, part) {
        ("comments" | "votes" | "analyses", [] | ["relationships", _] | [_]) => {
            let name = part.last().copied().unwrap_or("item");
            relationships::is_name(name) && !relationships::is_reserved(name)
        }
        _ => false,
    }
}

/// Whether a decoded id holds nothing that could be read as more than one segment.
fn is_plain(id: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_graphic() && !b"/\\?#%;".contains(&byte);
    (1..=512).contains(&id.len()) && id.bytes().all(is_fit)
}

/// Returns the names of the objects that a write to this path changes.
fn objects_of(words: &[&str]) -> Vec<Vec<ObjectName>> {
    let mut objects = Vec::new();
    if let [collection @ ("comments" | "votes"), id, ..] = words {
        objects.push(vec![ObjectName::new(collection, id)]);
        objects.push(vec![ObjectName::new(collection, "")]);
    }
    for indicator in indicators_in(words) {
        objects.push(ObjectName::of(&indicator));
    }
    objects
}

#[cfg(test)]
mod tests;
