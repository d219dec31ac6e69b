//! The objects that answers are about, under all of their names.
//!
//! A file has three names (MD5, SHA-1, SHA-256). A URL has at least two (the base64 of its text,
//! and VirusTotal's SHA-256 of it). Requests and answers reveal which names belong together.

use std::fmt;

use base64::{Engine as _, engine::general_purpose};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::indicator::{Indicator, Kind};

/// The hash of an object's name at VirusTotal, which is a collection and an id.
///
/// The hash is short, has a fixed length, and keeps indicators out of Redis.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectName([u8; 16]);

impl ObjectName {
    /// Returns the name of the object at `/{collection}/{id}` below `/api/v3`.
    pub fn new(collection: &str, id: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(collection);
        hasher.update(b"/");
        hasher.update(id);
        let digest: [u8; 32] = hasher.finalize().into();
        Self(std::array::from_fn(|at| digest[at]))
    }

    /// Returns the name of an analysis.
    pub fn analysis(id: &str) -> Self {
        Self::new("analyses", id)
    }

    /// Returns the names that can be derived from an indicator's text.
    pub fn of(indicator: &Indicator) -> Vec<Self> {
        let collection = indicator.kind().upstream_collection();
        let mut names = vec![Self::new(collection, indicator.id())];
        if indicator.kind() == Kind::Url
            && let Some(id) = canonical_url(indicator.id())
        {
            names.push(Self::new(collection, &id));
        }
        names
    }

    /// Returns the names of the file with these hexadecimal digests.
    pub fn of_file<'a>(digests: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let digests = digests.into_iter();
        digests
            .map(|digest| Self::in_lower_case(Kind::File, digest))
            .collect()
    }

    /// Returns the name of an object whose id is hexadecimal, in the case that VirusTotal uses.
    fn in_lower_case(kind: Kind, id: &str) -> Self {
        Self::new(kind.upstream_collection(), &id.to_ascii_lowercase())
    }

    /// Returns the names of the object that an analysis is about, taken from the analysis id.
    ///
    /// The id is `u-<sha256>-<time>` for a URL, and `f-<sha256>-<time>` or the base64 of
    /// `<md5>:<time>` for a file. An id of any other form reveals no name.
    pub fn of_analysis(id: &str) -> Vec<Self> {
        let parts: Vec<_> = id.split('-').collect();
        match parts.as_slice() {
            ["u", sha256, _] if is_hex(sha256, 64) => {
                vec![Self::in_lower_case(Kind::Url, sha256)]
            }
            ["f", sha256, _] if is_hex(sha256, 64) => {
                vec![Self::in_lower_case(Kind::File, sha256)]
            }
            _ => match md5_of_analysis(id) {
                Some(md5) => vec![Self::in_lower_case(Kind::File, &md5)],
                None => Vec::new(),
            },
        }
    }

    /// Returns the names of the object in an answer about its analysis: those in `meta.file_info`,
    /// `meta.url_info` and `data.links.item`.
    pub fn in_analysis(answer: &[u8]) -> Vec<Self> {
        let Ok(answer) = serde_json::from_slice::<AnalysisEnvelope>(answer) else {
            return Vec::new();
        };
        let file = &answer.meta["file_info"];
        let digests = ["sha256", "sha1", "md5"].map(|digest| file[digest].as_str());
        let mut names = Self::of_file(digests.into_iter().flatten());
        let url = &answer.meta["url_info"];
        if let Some(id) = url["id"].as_str() {
            names.push(Self::in_lower_case(Kind::Url, id));
        }
        if let Some(text) = url["url"].as_str()
            && let Ok(indicator) = Indicator::url(text)
        {
            names.extend(Self::of(&indicator));
        }
        if let Some(link) = answer.data.links["item"].as_str()
            && let Some(indicator) = linked_object(link)
        {
            names.extend(Self::of(&indicator));
        }
        names
    }

    /// Maps the name to a slot below `count`.
    pub(super) fn slot(self, count: usize) -> usize {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize % count
    }

    /// Returns the bytes of the hash.
    pub(super) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the name with these bytes, or `None` if they are not 16.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// Returns the name in hexadecimal, the form used in Redis.
    pub fn hex(self) -> String {
        hex::encode(self.0)
    }

    /// Parses the output of [`hex`](Self::hex).
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut name = [0; 16];
        hex::decode_to_slice(text, &mut name).ok()?;
        Some(Self(name))
    }
}

/// The parts of an answer about an analysis that name its object.
#[derive(Deserialize)]
struct AnalysisEnvelope {
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    data: AnalysisData,
}

#[derive(Default, Deserialize)]
struct AnalysisData {
    #[serde(default)]
    links: Value,
}

/// Hides the hash: an indicator can be guessed from it.
impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectName(…)")
    }
}

/// Returns the object that a link of VirusTotal's refers to.
fn linked_object(link: &str) -> Option<Indicator> {
    let url = Url::parse(link).ok()?;
    // A link ends in `/{collection}/{id}`.
    let mut segments = url.path_segments()?.rev();
    let id = percent_encoding::percent_decode_str(segments.next()?).decode_utf8_lossy();
    let collection = segments.next()?;
    for kind in Kind::ALL {
        if kind.upstream_collection() == collection {
            return Indicator::parse(kind, &id).ok();
        }
    }
    None
}

/// Returns the id that VirusTotal most likely uses for a URL given as base64.
///
/// Only VirusTotal knows its canonical form, so this is a guess. A wrong guess names no object and
/// does no harm.
fn canonical_url(id: &str) -> Option<String> {
    if is_hex(id, 64) {
        return None;
    }
    let text = general_purpose::URL_SAFE_NO_PAD.decode(id).ok()?;
    let url = Url::parse(str::from_utf8(&text).ok()?).ok()?;
    Some(hex::encode(Sha256::digest(url.as_str())))
}

fn md5_of_analysis(id: &str) -> Option<String> {
    // Ids come in either base64 alphabet, with or without padding.
    let bare = id.trim_end_matches('=');
    let url_safe = bare.replace('+', "-").replace('/', "_");
    let text = general_purpose::URL_SAFE_NO_PAD.decode(url_safe).ok()?;
    let (md5, _) = str::from_utf8(&text).ok()?.split_once(':')?;
    is_hex(md5, 32).then(|| md5.to_owned())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "2a1b402420ef46577471cdc7409b0fa2c6a204db316e59ade2d805435489a067";
    const MD5: &str = "ba4e34dd4bde67b221362d54c4baf070";

    #[test]
    fn an_analysis_id_names_the_object() {
        let url = ObjectName::new("urls", SHA256);
        assert_eq!(
            ObjectName::of_analysis(&format!("u-{SHA256}-1569484202")),
            [url]
        );
        let file = ObjectName::of_file([SHA256]);
        assert_eq!(ObjectName::of_analysis(&format!("f-{SHA256}-1")), file);
        let id = "YmE0ZTM0ZGQ0YmRlNjdiMjIxMzYyZDU0YzRiYWYwNzA6MTU3MTUyNDc2OA==";
        assert_eq!(ObjectName::of_analysis(id), ObjectName::of_file([MD5]));
        for none in ["", "u-xyz-1", "NDRkOA==", "1571524923", "a:b"] {
            assert!(ObjectName::of_analysis(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn an_answer_about_an_analysis_names_the_object() {
        let answer = format!(
            r#"{{"data": {{"links": {{"item": "https://www.virustotal.com/api/v3/files/{SHA256}"}}}},
                "meta": {{"file_info": {{"md5": "{MD5}"}}, "url_info": {{"id": "{SHA256}"}}}}}}"#
        );
        let names = ObjectName::in_analysis(answer.as_bytes());
        for name in [
            ObjectName::new("files", SHA256),
            ObjectName::new("files", MD5),
            ObjectName::new("urls", SHA256),
        ] {
            assert!(names.contains(&name));
        }
        for none in ["{}", "[]", r#"{"meta": 1, "data": {"links": "x"}}"#] {
            assert!(
                ObjectName::in_analysis(none.as_bytes()).is_empty(),
                "{none}"
            );
        }
    }

    #[test]
    fn spellings_of_a_url_share_a_name() {
        let names = |url| ObjectName::of(&Indicator::url(url).unwrap());
        let (bare, full) = (names("http://Example.com"), names("http://example.com/"));
        assert_ne!(bare[0], full[0]);
        assert_eq!(bare[1], full[1]);
        let digest = hex::encode(Sha256::digest("http://example.com/"));
        assert_eq!(full[1], ObjectName::new("urls", &digest));
    }

    #[test]
    fn a_name_survives_a_round_trip_and_is_never_printed() {
        let name = ObjectName::new("domains", "example.com");
        assert_eq!(ObjectName::from_hex(&name.hex()), Some(name));
        assert_eq!(ObjectName::from_hex("xyz"), None);
        assert!(!format!("{name:?}").contains(&name.hex()));
    }
}
