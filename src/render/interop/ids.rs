//! Deterministic identifiers: the same indicator has the same ones in every answer.

use serde_json::{Map, Value};
use uuid::{Uuid, uuid};

/// The namespace of STIX for identifiers of cyber observables (STIX 2.1, section 2.9).
const OBSERVABLES: Uuid = uuid!("00abedb4-aa42-466c-9c01-fed23315a9b7");

/// The namespace of all other identifiers, which STIX wants to be another one.
const OTHERS: Uuid = uuid!("4283883d-c255-4902-8f3b-6408f009700c");

/// Returns the STIX identifier of a cyber observable of this type, from the properties that
/// contribute to it.
///
/// The texts of keys and values are written as RFC 8785 wants it. Its rules for numbers agree with
/// serde's for whole ones, which are the only ones here.
pub(super) fn of_observable(object_type: &str, contributing: &[(&str, Value)]) -> String {
    let mut sorted: Vec<_> = contributing.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let mut members = Map::new();
    for (key, value) in sorted {
        members.insert((*key).to_owned(), value.clone());
    }
    let canonical = Value::Object(members).to_string();
    let uuid = Uuid::new_v5(&OBSERVABLES, canonical.as_bytes());
    format!("{object_type}--{uuid}")
}

/// Returns an identifier of an object that is made from these parts.
pub(super) fn of_parts(parts: &[&str]) -> Uuid {
    let mut seed = Vec::new();
    for part in parts {
        // The length parts them: no text can pretend to be two.
        seed.extend_from_slice(part.len().to_string().as_bytes());
        seed.push(b':');
        seed.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&OTHERS, &seed)
}

/// Returns the STIX identifier of an object of this type that is made from these parts.
pub(super) fn of_stix(object_type: &str, parts: &[&str]) -> String {
    let mut all = vec!["stix", object_type];
    all.extend_from_slice(parts);
    format!("{object_type}--{}", of_parts(&all))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// The identifiers are those that version 3.0.2 of OASIS' Python library `stix2` computes.
    #[rstest]
    #[case("file", "hashes", json!({"MD5": "44d88612fea8a8f36de82e1278abb02f"}), "5a0c55a1-48a3-5003-9776-42946d1054cb")]
    #[case("file", "hashes", json!({"SHA-1": "3395856ce81f2b7382dee72602f798b642f14140"}), "9ab9e221-3b13-5bec-a726-e4b9685bd852")]
    #[case("file", "hashes", json!({"SHA-256": "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"}), "00f91c70-2975-500a-919c-fe3a0d6c125a")]
    #[case("url", "value", json!("https://example.com/"), "be22e93a-5e33-5678-b19f-8b4ea06df0bd")]
    #[case("url", "value", json!("https://example.com/a?b='c'&d=\"é\\\u{2028}"), "065a5921-2380-5358-ac36-4d7eb28ba8d3")]
    #[case("domain-name", "value", json!("example.com"), "bedb4899-d24b-5401-bc86-8f6b4cc18ec7")]
    #[case("ipv4-addr", "value", json!("203.0.113.7"), "9ddd739e-87b1-587d-83f2-62ef1130af2f")]
    #[case("ipv6-addr", "value", json!("2001:4860:4860::8888"), "177929b5-cd78-5bed-b828-8d7aac4151b0")]
    #[case("autonomous-system", "number", json!(15169), "7afc7bdf-d070-5add-90ff-f93503b1654d")]
    fn identifiers_of_observables_are_those_of_other_producers(
        #[case] object_type: &str,
        #[case] key: &str,
        #[case] value: Value,
        #[case] uuid: &str,
    ) {
        let id = of_observable(object_type, &[(key, value)]);
        assert_eq!(id, format!("{object_type}--{uuid}"));
    }

    #[test]
    fn parts_cannot_pretend_to_be_others() {
        assert_ne!(of_parts(&["ab", "c"]), of_parts(&["a", "bc"]));
        assert_ne!(of_parts(&["a", ""]), of_parts(&["a"]));
    }
}
