//! An indicator with everything that the formats say of it.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
};

use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    indicator::{Indicator, Kind, decode_base64, is_hex},
    render::{
        View,
        brief::{BriefContext, Detections, ExactFacts, FileHashes, IndicatorBrief, facts},
        briefs::brief_object,
        hidden::is_hidden,
        raw_object::{RawBody, RawObject},
        untrusted::UntrustedTexts,
        verdict::{Level, Verdict},
    },
};

/// The bytes of a URL. Browsers and `VirusTotal` take no longer ones.
const LONGEST_URL: usize = 8192;

/// The time before which nothing was submitted to `VirusTotal`: its foundation, in Unix seconds.
const FOUNDED: i64 = 1_086_048_000;

/// An indicator with everything that the formats say of it.
#[derive(Debug)]
pub(super) struct Subject {
    /// The kind; `None` for a text that is no indicator.
    pub(super) kind: Option<Kind>,
    /// The indicator; `None` if its exact value is not known.
    pub(super) observable: Option<Observable>,
    /// `VirusTotal`'s id, or the one that was asked for.
    pub(super) id: String,
    /// The verdict; `None` if the lookup failed.
    pub(super) verdict: Option<Verdict>,
    /// The reason for which there is no verdict.
    pub(super) failure: Option<SubjectFailure>,
    /// The brief; `None` without a report.
    pub(super) brief: Option<IndicatorBrief>,
    /// The values that the brief shortens or leaves out.
    pub(super) exact: ExactFacts,
    /// The time of the view, in Unix seconds.
    pub(super) now: i64,
}

/// The reason for which an indicator has no verdict.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SubjectFailure {
    /// The text that was to be looked up.
    pub(super) given: String,
    /// The code of the error.
    pub(super) code: String,
    /// The error in words.
    pub(super) detail: String,
}

/// The exact value of an indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observable {
    /// A file by its digests, at least one.
    File(FileHashes),
    /// A URL.
    Url(ExactUrl),
    /// A domain in ASCII.
    Domain(String),
    /// An IP address.
    Ip(IpAddr),
}

/// A URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExactUrl {
    /// The text as it was found.
    pub(super) text: String,
    /// The same as a URI of RFC 3986: bytes that it does not allow are percent-encoded.
    pub(super) uri: String,
}

/// A maker of subjects for one view.
pub(super) struct Maker<'m> {
    /// The view.
    pub(super) view: &'m View<'m>,
    /// The texts from strangers in it.
    pub(super) texts: &'m UntrustedTexts,
}

impl Maker<'_> {
    /// Returns an object of an answer as a subject; `None` unless it is an indicator. `asked` is the
    /// id that the caller asked for.
    pub(super) fn subject(
        &self,
        object: &RawObject<'_>,
        object_type: &str,
        asked: Option<&str>,
    ) -> Option<Subject> {
        let kind = Kind::of_object_type(object_type)?;
        let id = object.descriptor.id();
        let attributes = object.attributes.as_ref();
        let members = attributes.map_or(&[][..], RawBody::members);
        let facts = facts(
            &brief_object(object, object_type, id.as_deref()),
            members,
            &BriefContext {
                given: asked,
                now: self.view.now,
                rules: &self.view.verdicts,
                domain_rank: self.view.domain_rank,
                is_compact: false,
                texts: self.texts,
            },
        )?;
        let ids = [id.as_deref(), asked];
        let observable = Observable::of_report(kind, &facts.exact, ids);
        Some(Subject {
            kind: Some(kind),
            observable,
            id: shown_id(id.as_deref().or(asked).unwrap_or_default()),
            verdict: Some(facts.brief.assessed().verdict.clone()),
            failure: None,
            brief: Some(facts.brief),
            exact: facts.exact,
            now: self.view.now,
        })
    }
}

impl Observable {
    /// Returns the indicator of a report, whose ids are the given ones.
    fn of_report(kind: Kind, exact: &ExactFacts, ids: [Option<&str>; 2]) -> Option<Self> {
        let mut ids = ids.into_iter().flatten();
        match kind {
            Kind::File => {
                let mut hashes = exact.hashes.clone();
                ids.for_each(|id| hashes.add(id));
                (!hashes.is_empty()).then_some(Self::File(hashes))
            }
            Kind::Url => match exact.url.as_deref().and_then(ExactUrl::of) {
                Some(url) => Some(Self::Url(url)),
                None => ids.find_map(|id| Self::of_id(kind, id)),
            },
            Kind::Domain | Kind::Ip => ids.find_map(|id| Self::of_id(kind, id)),
        }
    }

    /// Returns an indicator.
    pub(super) fn of(indicator: &Indicator) -> Option<Self> {
        Self::of_id(indicator.kind(), indicator.id())
    }

    fn of_id(kind: Kind, id: &str) -> Option<Self> {
        match kind {
            Kind::File => {
                let hashes = FileHashes::of(id);
                (!hashes.is_empty()).then_some(Self::File(hashes))
            }
            // `VirusTotal`'s id is a digest, from which nothing can be read.
            Kind::Url if is_hex(id, 64) || id.len() > LONGEST_URL * 2 => None,
            Kind::Url => {
                let text = String::from_utf8(decode_base64(id)?).ok()?;
                Some(Self::Url(ExactUrl::of(&text)?))
            }
            Kind::Domain => Some(Self::Domain(Indicator::domain(id).ok()?.id().to_owned())),
            Kind::Ip => Some(Self::Ip(Indicator::ip(id).ok()?.id().parse().ok()?)),
        }
    }

    /// Returns the text by which people know it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::File(hashes) => {
                let digest = hashes.sha256.as_ref().or(hashes.sha1.as_ref());
                digest.or(hashes.md5.as_ref()).cloned().unwrap_or_default()
            }
            Self::Url(url) => url.uri.clone(),
            Self::Domain(name) => name.clone(),
            Self::Ip(address) => address.to_string(),
        }
    }
}

impl ExactUrl {
    /// Returns a URL, unless the text has no scheme and host or is too long.
    fn of(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme || rest.is_empty() || text.len() > LONGEST_URL {
            return None;
        }
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(host_end);
        let mut uri = format!("{scheme}://");
        push_authority(&mut uri, authority);
        push_encoded(&mut uri, path, ":@/?#");
        // What is invisible would not be the same text for a person.
        let is_shown = !text.chars().any(is_hidden);
        Some(Self {
            text: if is_shown {
                text.to_owned()
            } else {
                uri.clone()
            },
            uri,
        })
    }
}

/// Appends the part of a URL between the scheme and the path.
fn push_authority(uri: &mut String, authority: &str) {
    let mut host = authority;
    if let Some((user, rest)) = authority.rsplit_once('@') {
        push_encoded(uri, user, ":");
        uri.push('@');
        host = rest;
    }
    let mut port = None;
    if let Some((name, digits)) = host.rsplit_once(':')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        host = name;
        port = Some(digits);
    }
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if literal.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        uri.push_str(host);
    } else {
        push_encoded(uri, host, "");
    }
    if let Some(port) = port {
        uri.push(':');
        uri.push_str(port);
    }
}

/// Appends a part of a URL with all bytes encoded that RFC 3986 does not allow. `delimiters` are
/// those that the part may have beside `sub-delims`. A second `#` would begin a second fragment.
fn push_encoded(uri: &mut String, part: &str, delimiters: &str) {
    let bytes = part.as_bytes();
    let mut has_fragment = false;
    for (at, byte) in bytes.iter().enumerate() {
        let letter = char::from(*byte);
        let is_allowed = match letter {
            '%' => {
                let digits = bytes.get(at + 1..at + 3);
                digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }
            '#' if delimiters.contains('#') => !std::mem::replace(&mut has_fragment, true),
            _ => {
                byte.is_ascii_alphanumeric()
                    || "-._~!$&'()*+,;=".contains(letter)
                    || byte.is_ascii() && delimiters.contains(letter)
            }
        };
        if is_allowed {
            uri.push(letter);
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

impl Subject {
    /// Returns the level of the verdict.
    pub(super) fn level(&self) -> Option<Level> {
        Some(self.verdict.as_ref()?.level)
    }

    /// Whether the verdict is malicious.
    pub(super) fn is_malicious(&self) -> bool {
        self.level() == Some(Level::Malicious)
    }

    /// Returns the verdict with its reason, or the failure.
    pub(super) fn summary(&self) -> String {
        match (&self.verdict, &self.failure) {
            (Some(verdict), _) => format!("{}: {}", verdict.level.name(), verdict.reason),
            (None, Some(failure)) => format!("lookup failed: {}", failure.detail),
            (None, None) => "not looked up".to_owned(),
        }
    }

    /// Returns the text by which people know the indicator.
    pub(super) fn name(&self) -> String {
        match &self.observable {
            Some(observable) => observable.text(),
            None => self.id.clone(),
        }
    }

    /// Returns the opinions of the engines.
    pub(super) fn detections(&self) -> Option<&Detections> {
        self.brief.as_ref()?.assessed().detections.as_ref()
    }

    /// Returns the page at `VirusTotal`.
    pub(super) fn link(&self) -> Option<&str> {
        self.brief.as_ref()?.standing().link.as_deref()
    }

    /// Returns the tags of the community.
    pub(super) fn tags(&self) -> &[String] {
        match &self.brief {
            Some(brief) => &brief.standing().tags,
            None => &[],
        }
    }

    /// Returns the families of malware that `VirusTotal` names, the most frequent first.
    pub(super) fn families(&self) -> &[String] {
        match &self.brief {
            Some(IndicatorBrief::File(brief)) => &brief.families,
            _ => &[],
        }
    }

    /// Returns the confidence that the indicator is malicious, on the scale of STIX from 0 to 100;
    /// `None` if too little is known.
    pub(super) fn confidence(&self) -> Option<u64> {
        match self.level()? {
            Level::Malicious => {
                let share = self.detections().map_or(0, |counts| {
                    counts.malicious.saturating_mul(30) / counts.engines.max(1)
                });
                Some(70 + share.min(30))
            }
            Level::Suspicious => Some(15),
            Level::LikelyBenign | Level::NoDetections => Some(0),
            Level::Unknown => None,
        }
    }

    /// Returns the time from which the indicator is known: its first submission.
    ///
    /// The time has to be the same in every answer. Where `VirusTotal` gives none, it is that of
    /// `VirusTotal`'s foundation.
    pub(super) fn created(&self) -> i64 {
        self.exact.first_seen.unwrap_or(FOUNDED)
    }

    /// Returns the time of the last change of what is known, never before the creation.
    pub(super) fn modified(&self) -> i64 {
        let Self { exact, .. } = self;
        let known = [exact.analysed, exact.modified, exact.last_seen];
        let last = known.into_iter().flatten().max();
        last.unwrap_or_default().max(self.created())
    }
}

/// Returns the foundation of `VirusTotal` as a timestamp, for objects that never change.
pub(super) fn founded() -> String {
    timestamp(FOUNDED)
}

/// Returns a time as RFC 3339 with milliseconds, as all formats take it.
pub(super) fn timestamp(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, month) = (time.date(), u8::from(time.month()));
    let (hour, minute, second) = time.to_hms();
    // Years have four digits: times are read as such.
    format!(
        "{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.000Z",
        date.year(),
        date.day(),
    )
}

/// Returns a text with at most this many characters, on one line and without invisible ones.
pub(super) fn clipped(text: &str, most: usize) -> String {
    let shown = text.chars().filter_map(|letter| match letter {
        _ if letter.is_whitespace() => Some(' '),
        _ if is_hidden(letter) => None,
        _ => Some(letter),
    });
    let mut clipped: String = shown.take(most + 1).collect();
    if let Some((end, _)) = clipped.char_indices().nth(most) {
        clipped.truncate(end);
        clipped.pop();
        clipped.push('…');
    }
    clipped
}

/// Returns an id as far as it is shown.
pub(super) fn shown_id(id: &str) -> String {
    clipped(id, 200)
}
