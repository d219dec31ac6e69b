//! The embedded table of objects, their relationships, and the names of relationships.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    answer::DemoError,
    caller::AccountTier,
    crowd::{self, CrowdRelationship},
    large_report,
    object::{Collection, Descriptor, Object, Reference},
    recent, url_id,
};

/// The embedded lists of objects.
const OBJECTS: [&str; 9] = [
    include_str!("files.json"),
    include_str!("urls.json"),
    include_str!("domains.json"),
    include_str!("ip_addresses.json"),
    include_str!("community.json"),
    include_str!("behaviours.json"),
    include_str!("records.json"),
    include_str!("strangers.json"),
    include_str!("verdicts.json"),
];
/// The embedded list of objects with dates relative to the start.
const RECENT: &str = include_str!("recent.json");
/// The embedded file that gets its long lists from [`large_report::extend`].
const LARGE_REPORT: &str = include_str!("large_report.json");

/// The reason for which a relationship is not shown.
#[derive(Clone, Copy)]
pub(super) enum RelationshipError {
    /// The type of object has no relationship of this name.
    Unknown,
    /// The account lacks the privilege.
    Premium,
}

/// The content of a relationship.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RelatedObjects {
    /// Any number of objects.
    Many(Vec<Descriptor>),
    /// At most one object.
    One(Option<Descriptor>),
}

/// The names of the relationships of one type of object.
#[derive(Deserialize)]
struct RelationshipNames {
    every_key: HashSet<String>,
    premium: HashSet<String>,
    to_one: HashSet<String>,
}

/// The relationships of all objects, by type, id and name.
type EmbeddedLinks = HashMap<String, HashMap<String, HashMap<String, RelatedObjects>>>;

/// The embedded data.
pub(super) struct World {
    attributes: HashMap<Reference, Value>,
    /// The ids of objects by their other names: MD5, SHA-1, the URL itself.
    known_as: HashMap<Reference, String>,
    related: HashMap<Reference, HashMap<String, RelatedObjects>>,
    names: HashMap<String, RelationshipNames>,
    /// The observed techniques by the file's id.
    mitre_trees: HashMap<String, Value>,
}

impl World {
    /// Parses the embedded data and adds the generated objects.
    ///
    /// `start` is the time of the process's start, in seconds since 1970.
    pub(super) fn load(start: u64) -> Self {
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
        for mut object in embedded::<Vec<Object>>(RECENT) {
            recent::set_dates(&mut object.attributes, start);
            world.add(object);
        }
        let mut large: Object = embedded(LARGE_REPORT);
        large_report::extend(&mut large.attributes);
        world.add(large);
        for (kind, objects) in embedded::<EmbeddedLinks>(include_str!("links.json")) {
            for (id, related) in objects {
                world.related.insert(Reference::new(&kind, id), related);
            }
        }
        for relationship in crowd::relationships() {
            world.join(relationship);
        }
        world
    }

    fn add(&mut self, object: Object) {
        let Object { of, attributes } = object;
        for name in other_names(&of.kind, &attributes) {
            let name = Reference::new(&of.kind, name);
            self.known_as.insert(name, of.id.clone());
        }
        self.attributes.insert(of, attributes);
    }

    /// Adds generated objects, and adds them to the relationship that they belong to.
    fn join(&mut self, crowd: CrowdRelationship) {
        let related = self.related.entry(crowd.of).or_default();
        let held = related
            .entry(crowd.name.to_owned())
            .or_insert(RelatedObjects::Many(Vec::new()));
        if let RelatedObjects::Many(held) = held {
            for object in &crowd.objects {
                held.push(object.of.clone().into());
            }
        }
        for object in crowd.objects {
            self.add(object);
        }
    }

    /// Returns the object that a path names, in any spelling that VirusTotal accepts.
    pub(super) fn find(&self, collection: Collection, id: &str) -> Option<Reference> {
        let mut found = Reference::new(collection.kind, plain_spelling(collection.kind, id));
        if let Some(id) = self.known_as.get(&found) {
            found.id.clone_from(id);
        }
        self.attributes.contains_key(&found).then_some(found)
    }

    /// Returns the attributes of an object, if it exists.
    pub(super) fn attributes(&self, of: &Reference) -> Option<&Value> {
        self.attributes.get(of)
    }

    /// Returns the content of a relationship of `of`, if the account may see it.
    pub(super) fn related(
        &self,
        tier: AccountTier,
        of: &Reference,
        name: &str,
    ) -> Result<&RelatedObjects, RelationshipError> {
        let Some(names) = self.names.get(&of.kind) else {
            return Err(RelationshipError::Unknown);
        };
        names.check(tier, name)?;
        if let Some(related) = self.related.get(of)
            && let Some(found) = related.get(name)
        {
            return Ok(found);
        }
        Ok(names.empty(name))
    }

    /// Returns the techniques that each sandbox observed in a file, by tactic.
    pub(super) fn mitre_trees(&self, of: &Reference) -> Option<&Value> {
        self.mitre_trees.get(&of.id)
    }

    /// Returns all objects with their attributes.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&Reference, &Value)> {
        self.attributes.iter()
    }
}

impl RelationshipError {
    /// Returns the error for a path that names the relationship.
    pub(super) fn in_path(self, name: &str) -> DemoError {
        match self {
            Self::Unknown => DemoError::not_found("Relationship", name),
            Self::Premium => DemoError::forbidden(),
        }
    }

    /// Returns the error for a query that names the relationship.
    pub(super) fn in_query(self, name: &str) -> DemoError {
        match self {
            Self::Unknown => DemoError::bad_request(format!("Unknown relationship \"{name}\"")),
            Self::Premium => DemoError::forbidden(),
        }
    }
}

impl RelationshipNames {
    fn check(&self, tier: AccountTier, name: &str) -> Result<(), RelationshipError> {
        if self.every_key.contains(name) {
            return Ok(());
        }
        if !self.premium.contains(name) {
            return Err(RelationshipError::Unknown);
        }
        match tier {
            AccountTier::Premium => Ok(()),
            AccountTier::Public => Err(RelationshipError::Premium),
        }
    }

    /// Returns the content of a relationship without objects.
    fn empty(&self, name: &str) -> &'static RelatedObjects {
        if self.to_one.contains(name) {
            &RelatedObjects::One(None)
        } else {
            const { &RelatedObjects::Many(Vec::new()) }
        }
    }
}

/// Returns the other names of an object, in the spelling that `plain_spelling` returns.
fn other_names(kind: &str, attributes: &Value) -> Vec<String> {
    let mut names = Vec::new();
    match kind {
        "file" => {
            for hash in ["md5", "sha1"] {
                names.extend(attributes[hash].as_str().map(str::to_owned));
            }
        }
        "url" => names.extend(attributes["url"].as_str().map(url_id::plain)),
        _ => {}
    }
    names
}

/// Returns one spelling for all names of the same object.
fn plain_spelling(kind: &str, id: &str) -> String {
    match kind {
        "file" | "domain" => id.to_ascii_lowercase(),
        "ip_address" => match id.parse::<IpAddr>() {
            Ok(ip) => ip.to_string(),
            Err(_) => id.to_owned(),
        },
        "url" => match url_id::decode(id) {
            Some(url) => url_id::plain(&url),
            None => id.to_ascii_lowercase(),
        },
        _ => id.to_owned(),
    }
}

#[expect(
    clippy::expect_used,
    reason = "the text is part of the program and read by every test"
)]
fn embedded<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("the embedded JSON has the shape that is read here")
}
