//! Objects and their relationships, a page at a time.

use axum::extract::{Path, RawQuery, State};
use serde::Deserialize;

use super::{
    answer::{DemoError, JsonAnswer},
    caller::KeyHolder,
    included::{self, ObjectWithRelationships},
    item::{DataEnvelope, ObjectList, Shown, ShownObject},
    object::Collection,
    page::{self, PageLinks, PageRequest},
    stand_in::StandIn,
    world::RelatedObjects,
};

/// The place of an object in a path.
#[derive(Deserialize)]
pub(super) struct ObjectPath {
    collection: String,
    id: String,
}

/// The place of a relationship in a path.
#[derive(Deserialize)]
pub(super) struct RelationshipPath {
    #[serde(flatten)]
    of: ObjectPath,
    relationship: String,
}

/// Returns one object, with the relationships that the query names.
pub(super) async fn read_object(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(path): Path<ObjectPath>,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let of = site.find(Collection::at(&path.collection)?, &path.id)?;
    let names = included::read_names(&query.unwrap_or_default())?;
    let object = of.into();
    Ok(JsonAnswer::ok(&DataEnvelope::of(ObjectWithRelationships {
        object: ShownObject::read(&site, &object, Shown::Whole),
        relationships: included::read(&site, caller.tier, &object.of, &names)?,
    })))
}

/// Returns the objects of a relationship.
pub(super) async fn list_related(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(path): Path<RelationshipPath>,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let list = RelatedList::of(&site, caller, Shown::Whole);
    list.answer(&path.of, &path.relationship, query.as_deref())
}

/// Returns the types and ids of a relationship's objects.
pub(super) async fn list_descriptors(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(path): Path<RelationshipPath>,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let list = RelatedList::of(&site, caller, Shown::Named);
    list.answer(&path.of, &path.relationship, query.as_deref())
}

/// Returns the comments on an object.
pub(super) async fn list_comments(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(of): Path<ObjectPath>,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let list = RelatedList::of(&site, caller, Shown::Whole);
    list.answer(&of, "comments", query.as_deref())
}

/// Returns the votes on an object.
pub(super) async fn list_votes(
    caller: KeyHolder,
    State(site): State<StandIn>,
    Path(of): Path<ObjectPath>,
    RawQuery(query): RawQuery,
) -> Result<JsonAnswer, DemoError> {
    let list = RelatedList::of(&site, caller, Shown::Whole);
    list.answer(&of, "votes", query.as_deref())
}

/// A view of the relationships.
struct RelatedList<'a> {
    site: &'a StandIn,
    caller: KeyHolder,
    shown: Shown,
}

impl<'a> RelatedList<'a> {
    fn of(site: &'a StandIn, caller: KeyHolder, shown: Shown) -> Self {
        Self {
            site,
            caller,
            shown,
        }
    }

    /// Renders one page of a relationship.
    fn answer(
        &self,
        path: &ObjectPath,
        relationship: &str,
        query: Option<&str>,
    ) -> Result<JsonAnswer, DemoError> {
        let Self { site, shown, .. } = *self;
        let of = site.find(Collection::at(&path.collection)?, &path.id)?;
        let path = match shown {
            Shown::Whole => format!("{}/{relationship}", of.link()),
            Shown::Named => format!("{}/relationships/{relationship}", of.link()),
        };
        let tier = self.caller.tier;
        let related = match site.world().related(tier, &of, relationship) {
            Ok(related) => related,
            Err(error) => return Err(error.in_path(relationship)),
        };
        match related {
            RelatedObjects::One(it) => Ok(JsonAnswer::ok(&DataEnvelope {
                data: it.as_ref().map(|it| ShownObject::read(site, it, shown)),
                meta: None,
                links: Some(PageLinks::to(path)),
            })),
            RelatedObjects::Many(embedded) => {
                let page = PageRequest::parse(relationship, query.unwrap_or_default(), page::MOST)?;
                let all = site.with_notes(&of, relationship, embedded);
                let list = ObjectList {
                    path: &path,
                    all: &all,
                    shown,
                };
                Ok(list.answer(site, &page))
            }
        }
    }
}
