//! The names of the objects in a list, by which the cache knows what the list is about.

use serde::Deserialize;

/// An object in a list, reduced to its names.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct ListedObject {
    /// The type, such as `file`.
    #[serde(rename = "type")]
    pub object_type: String,
    /// The id.
    pub id: String,
    #[serde(default)]
    attributes: Option<NameAttributes>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct NameAttributes {
    md5: Option<String>,
    sha1: Option<String>,
    sha256: Option<String>,
    url: Option<String>,
}

impl ListedObject {
    /// Returns the digests of a file.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        let digests = match &self.attributes {
            Some(names) => [&names.md5, &names.sha1, &names.sha256],
            None => [&None; 3],
        };
        digests.into_iter().filter_map(Option::as_deref)
    }

    /// Returns the text of a URL.
    pub fn url(&self) -> Option<&str> {
        self.attributes.as_ref()?.url.as_deref()
    }
}

/// Returns the objects on a page of a list; empty if the answer has another shape.
pub fn listed(page: &[u8]) -> Vec<ListedObject> {
    #[derive(Deserialize)]
    struct ObjectNames {
        data: Vec<ListedObject>,
    }
    match serde_json::from_slice(page) {
        Ok(ObjectNames { data }) => data,
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_objects_with_any_other_members() {
        let page = br#"{"data": [
            {"type": "file", "id": "x", "attributes": {"md5": "a", "size": 1e400, "names": ["\ud800"]}},
            {"type": "url", "id": "y", "attributes": {"url": "http://a.test/"}},
            {"type": "comment", "id": "z"}
        ]}"#;
        let listed = listed(page);
        assert_eq!(listed[0].digests().collect::<Vec<_>>(), ["a"]);
        assert_eq!(listed[1].url(), Some("http://a.test/"));
        assert_eq!((listed.len(), &*listed[2].id), (3, "z"));
        assert!(super::listed(b"{\"data\": {}}").is_empty());
    }
}
