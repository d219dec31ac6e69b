//! The embedded table of objects, their relationships, and the names of relationships.

use std::{collections::HashMap, net::IpAddr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    answer::{Account, Refusal},
    crowd,
    object::{Collection, Descriptor, Object, Reference},
    urls::canonical,
};

/// The embedded lists of objects.
const OBJECTS: [&str; 7] = [
    include_str!("files.json"),
    include_str!("urls.json"),
    include_str!("domains.json"),
    include_str!("ip_addresses.json"),
    include_str!("community.json"),
    include_str!("behaviours.json"),
    include_str!("records.json"),
];

/// The content of a relationship.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Related {
    /// Any number of objects.
    Many(Vec<Descriptor>),
    /// At most one object.
    One(Option<Descriptor>),
}

/// The names of the relationships of one type of object.
#[derive(Deserialize)]
struct Names {
    every_key: Vec<String>,
    premium: Vec<String>,
    to_one: Vec<String>,
}

/// The embedded data.
pub(super) struct World {
    attributes: HashMap<Reference, Value>,
    /// The ids of objects by their other names: MD5, SHA-1, the URL itself.
    known_as: HashMap<Reference, String>,
    related: HashMap<Reference, HashMap<String, Related>>,
    names: HashMap<String, Names>,
    /// The observed techniques by the file's id.
    mitre_trees: HashMap<String, Value>,
}

impl World {
    /// Parses the embedded data.
    pub(super) fn load() -> Self {
        let mut world = Self {
            attributes: HashMap::new(),
            known_as: HashMap::new(),
            related: HashMap::new(),
            names: embedded(include_str!("relationship_names.json")),
            mitre_trees: embedded(include_str!("mitre_trees.json")),
        };
        for list in OBJECTS {
            for object in embedded::<Vec<Object>>(list) {
                world.add(object);
            }
        }
        world.link_embedded();
        crowd::join(&mut world);
        world
    }

    /// Adds an object.
    pub(super) fn add(&mut self, object: Object) {
        let Object { of, attributes } = object;
        for name in other_names(&of.kind, &attributes) {
            self.known_as
                .insert(Reference::new(&of.kind, name), of.id.clone());
        }
        self.attributes.insert(of, attributes);
    }

    /// Adds objects to a relationship of `of`.
    pub(super) fn relate(&mut self, of: Reference, relationship: &str, more: Vec<Descriptor>) {
        let all = self.related.entry(of).or_default();
        let held = all
            .entry(relationship.to_owned())
            .or_insert(Related::Many(Vec::new()));
        if let Related::Many(held) = held {
            held.extend(more);
        }
    }

    /// Returns the object that a path names, in any spelling that VirusTotal accepts.
    pub(super) fn find(&self, collection: &Collection, id: &str) -> Result<Reference, Refusal> {
        let mut found = Reference::new(collection.kind, plain_spelling(collection.kind, id));
        if let Some(id) = self.known_as.get(&found) {
            found.id.clone_from(id);
        }
        if self.attributes.contains_key(&found) {
            Ok(found)
        } else {
            Err(Reference::new(collection.kind, id).not_found())
        }
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<&Value> {
        self.attributes.get(of)
    }

    /// Returns the content of a relationship of `of`, if the account may see it.
    pub(super) fn related(
        &self,
        account: Account,
        of: &Reference,
        name: &str,
    ) -> Result<&Related, Refusal> {
        let names = self.names.get(&of.kind).ok_or_else(|| unknown(name))?;
        names.check(account, name)?;
        let found = self.related.get(of).and_then(|all| all.get(name));
        Ok(found.unwrap_or_else(|| names.nothing(name)))
    }

    /// Returns the techniques that each sandbox observed in a file, by tactic.
    pub(super) fn mitre_trees(&self, of: &Reference) -> Option<&Value> {
        self.mitre_trees.get(&of.id)
    }

    /// Returns all objects with their attributes.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Reference, &Value)> {
        self.attributes.iter()
    }

    fn link_embedded(&mut self) {
        type Links = HashMap<String, HashMap<String, HashMap<String, Related>>>;
        for (kind, objects) in embedded::<Links>(include_str!("links.json")) {
            for (id, related) in objects {
                self.related.insert(Reference::new(&kind, id), related);
            }
        }
    }
}

impl Names {
    fn check(&self, account: Account, name: &str) -> Result<(), Refusal> {
        let among = |names: &[String]| names.iter().any(|it| it == name);
        match account {
            _ if among(&self.every_key) => Ok(()),
            Account::Premium if among(&self.premium) => Ok(()),
            Account::Public if among(&self.premium) => Err(Refusal::forbidden()),
            _ => Err(unknown(name)),
        }
    }

    fn nothing(&self, name: &str) -> &'static Related {
        if self.to_one.iter().any(|it| it == name) {
            &Related::One(None)
        } else {
            const { &Related::Many(Vec::new()) }
        }
    }
}

fn unknown(relationship: &str) -> Refusal {
    Refusal::not_found("Relationship", relationship)
}

/// Returns the other names of an object, in the spelling that `plain_spelling` returns.
fn other_names(kind: &str, attributes: &Value) -> Vec<String> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    match kind {
        "file" => [text("md5"), text("sha1")]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect(),
        "url" => text("url").map(plain_url).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns one spelling for all names of the same object.
fn plain_spelling(kind: &str, id: &str) -> String {
    match kind {
        "file" | "domain" => id.to_ascii_lowercase(),
        "ip_address" => id
            .parse::<IpAddr>()
            .map_or_else(|_| id.to_owned(), |ip| ip.to_string()),
        "url" => url_of(id)
            .as_deref()
            .map_or_else(|| id.to_ascii_lowercase(), plain_url),
        _ => id.to_owned(),
    }
}

/// Returns the URL that an id encodes in base64. A SHA-256 encodes none.
pub(super) fn url_of(id: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|url| url.contains("://"))
}

fn plain_url(url: &str) -> String {
    let url = canonical(url).unwrap_or_else(|| url.to_owned());
    url.strip_suffix('/').unwrap_or(&url).to_owned()
}

#[expect(
    clippy::expect_used,
    reason = "the text is part of the program and read by every test"
)]
fn embedded<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("the embedded JSON has the shape that is read here")
}
