//! The indicators that a request names, none of which may be private.

use serde_json::Value;
use url::Host;

use super::target::without_parameters;
use crate::indicator::{Indicator, Kind, classify, decode_base64};

/// Returns the kind whose objects a collection of VirusTotal's holds.
pub(super) fn kind_of(collection: &str) -> Option<Kind> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.upstream_collection() == collection)
}

/// Returns the indicators that stand in a path: the id of a collection, the object of a comment,
/// and whatever else can be nothing but an indicator.
pub(super) fn indicators_in(words: &[&str]) -> Vec<Indicator> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let indicator = match before.copied() {
            Some(collection) if kind_of(collection).is_some() => {
                kind_of(collection).and_then(|kind| of_kind(kind, word))
            }
            Some("comments" | "votes") => object_of_contribution(word),
            _ => unmistakable(word),
        };
        found.extend(indicator);
    }
    found
}

/// Returns the indicator that an id stands for. VirusTotal may understand a spelling that no lookup
/// takes: with white space or
/// parameters, with the padding of base64, or an address as one number.
fn of_kind(kind: Kind, id: &str) -> Option<Indicator> {
    if let Ok(indicator) = Indicator::parse(kind, id) {
        return Some(indicator);
    }
    let id = without_parameters(id).trim_end_matches('=');
    if matches!(kind, Kind::Ip | Kind::Domain)
        && let Ok(Host::Ipv4(address)) = Host::parse(id)
    {
        return Indicator::ip(&address.to_string()).ok();
    }
    let indicator = classify(id).ok()?.indicator;
    (indicator.kind() == kind).then_some(indicator)
}

/// Returns the texts in a path that may hold an indicator: each segment, what it is the base64 of,
/// and the parts that VirusTotal makes ids of.
pub(super) fn texts_in(words: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    for word in words {
        // The name behind an `@` counts as any other: in a path it need not be that of a host.
        texts.extend(word.split('@').map(str::to_owned));
        // The id of an analysis, or of a URL with a scheme that is not looked up.
        let decoded = decode_base64(word.trim_end_matches('='));
        texts.extend(decoded.and_then(|text| String::from_utf8(text).ok()));
        // The hash in the id of a behaviour report, the address and the host in that of a resolution.
        texts.extend(word.split_once('_').map(|(hash, _)| hash.to_owned()));
        let host = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        if host.len() < word.len() {
            texts.push(word[..word.len() - host.len()].to_owned());
            texts.push(host.to_owned());
        }
    }
    texts
}

/// Returns the indicators in a JSON body: the objects that it names by type and id, and texts that
/// hold nothing else.
pub(super) fn indicators_in_json(body: &Value) -> Vec<Indicator> {
    let mut found = Vec::new();
    let mut values = vec![body];
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(members) => {
                let object_type = members.get("type").and_then(Value::as_str);
                let kind = object_type.and_then(Kind::of_object_type);
                let id = members.get("id").and_then(Value::as_str);
                if let (Some(kind), Some(id)) = (kind, id) {
                    found.extend(of_kind(kind, id));
                }
                values.extend(members.values());
            }
            // A single word is a name of anything.
            Value::String(text) if text.contains('.') || text.contains("::") => {
                found.extend(classify(text).ok().map(|it| it.indicator));
            }
            _ => {}
        }
    }
    found
}

/// Returns the object of a comment or vote, which its id names: `d-example.com-1a2b`.
fn object_of_contribution(id: &str) -> Option<Indicator> {
    let (kind, rest) = id.split_once('-')?;
    let (value, _) = rest.rsplit_once('-')?;
    let kind = match kind {
        "f" => Kind::File,
        "u" => Kind::Url,
        "d" => Kind::Domain,
        "i" => Kind::Ip,
        _ => return None,
    };
    Indicator::parse(kind, value).ok()
}

/// Returns the indicator that a word is, if it can be nothing else.
fn unmistakable(word: &str) -> Option<Indicator> {
    if let Ok(file) = Indicator::file(word) {
        return Some(file);
    }
    if let Ok(ip) = Indicator::ip(word) {
        return Some(ip);
    }
    if word.contains('.') {
        return Indicator::domain(word).ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_of_a_contribution_is_in_its_id() {
        let found = |id: &str| object_of_contribution(id).map(|it| it.id().to_owned());
        assert_eq!(found("d-a-b.example-1a2b").as_deref(), Some("a-b.example"));
        assert_eq!(found("i-192.0.2.1-1a2b").as_deref(), Some("192.0.2.1"));
        for none in ["", "d-", "x-a.example-1", "d-example.com", "d--1"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn indicators_are_found_in_json() {
        let body = json!({"data": [
            {"type": "domain", "id": "intranet", "attributes": {"name": "word", "size": 1}},
            {"type": "url", "url": "http://10.0.0.1/a"},
            {"text": "see 10.0.0.2 or b.example", "rules": "rule a { }"},
        ]});
        let mut found: Vec<_> = indicators_in_json(&body)
            .iter()
            .map(|it| (it.kind(), it.id().to_owned()))
            .collect();
        found.sort_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(
            found,
            [
                (Kind::Url, "aHR0cDovLzEwLjAuMC4xL2E".to_owned()),
                (Kind::Domain, "intranet".to_owned()),
            ]
        );
    }
}
