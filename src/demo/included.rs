//! The relationships within an object: `GET /{collection}/{id}?relationships=a,b`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    answer::DemoError,
    caller::AccountTier,
    item::ShownObject,
    object::{Descriptor, Reference},
    page::{PageLinks, PageMeta, PageRequest},
    parameters::parameter,
    stand_in::StandIn,
    world::RelatedObjects,
};

/// The maximum number of relationships that a request names.
const MOST_NAMES: usize = 10;
/// The number of related objects that are named. `limit` and `cursor` have no effect.
const MOST_OBJECTS: usize = 20;

/// An object and the requested relationships.
#[derive(Serialize)]
pub(super) struct ObjectWithRelationships<'a> {
    /// The object.
    #[serde(flatten)]
    pub(super) object: ShownObject<'a>,
    /// The relationships by name, if any were requested.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) relationships: BTreeMap<&'a str, IncludedRelationship>,
}

/// A relationship as an object shows it.
#[derive(Serialize)]
pub(super) struct IncludedRelationship {
    data: IncludedData,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<PageMeta>,
    links: IncludedLinks,
}

/// The types and ids of the related objects.
#[derive(Serialize)]
#[serde(untagged)]
enum IncludedData {
    One(Option<Descriptor>),
    Many(Vec<Descriptor>),
}

/// The addresses of a relationship: of its descriptors, and of its objects.
#[derive(Serialize)]
struct IncludedLinks {
    #[serde(flatten)]
    descriptors: PageLinks,
    related: String,
}

/// Reads the names in the parameter `relationships` of a query.
pub(super) fn read_names(query: &str) -> Result<Vec<String>, DemoError> {
    let mut names = Vec::new();
    let list = parameter(query.as_bytes(), "relationships").unwrap_or_default();
    for name in list.split(',') {
        let name = name.trim();
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    if names.len() > MOST_NAMES {
        let message = format!("No more than {MOST_NAMES} relationships can be requested");
        return Err(DemoError::bad_request(message));
    }
    Ok(names)
}

/// Returns these relationships of an object.
pub(super) fn read<'a>(
    site: &StandIn,
    tier: AccountTier,
    of: &Reference,
    names: &'a [String],
) -> Result<BTreeMap<&'a str, IncludedRelationship>, DemoError> {
    let mut relationships = BTreeMap::new();
    for name in names {
        let related = match site.world().related(tier, of, name) {
            Ok(related) => related,
            Err(error) => return Err(error.in_query(name)),
        };
        let included = match related {
            RelatedObjects::One(it) => IncludedRelationship::one(of, name, it.clone()),
            RelatedObjects::Many(embedded) => {
                let all = site.with_notes(of, name, embedded);
                IncludedRelationship::many(of, name, &all)
            }
        };
        relationships.insert(name.as_str(), included);
    }
    Ok(relationships)
}

impl IncludedRelationship {
    fn one(of: &Reference, name: &str, it: Option<Descriptor>) -> Self {
        Self {
            data: IncludedData::One(it),
            meta: None,
            links: IncludedLinks {
                descriptors: PageLinks::to(descriptors(of, name)),
                related: format!("{}/{name}", of.link()),
            },
        }
    }

    fn many(of: &Reference, name: &str, all: &[Descriptor]) -> Self {
        let page = PageRequest::first(name, MOST_OBJECTS);
        Self {
            data: IncludedData::Many(page.of(all).to_vec()),
            meta: Some(page.meta(all.len())),
            links: IncludedLinks {
                descriptors: page.links(&descriptors(of, name), all.len()),
                related: format!("{}/{name}", of.link()),
            },
        }
    }
}

/// Returns the address of a relationship's descriptors.
fn descriptors(of: &Reference, name: &str) -> String {
    format!("{}/relationships/{name}", of.link())
}
