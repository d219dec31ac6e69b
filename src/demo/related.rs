//! Objects and their relationships, a page at a time.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use serde::Deserialize;

use super::{
    answer::{Answer, Caller, Refusal},
    item::{Envelope, Item},
    object::{Collection, Descriptor},
    page::{self, Links, Page},
    stand_in::StandIn,
    world::Related,
};

/// The place of a relationship in a path.
#[derive(Deserialize)]
pub(super) struct Place {
    collection: String,
    id: String,
    relationship: String,
}

/// The form in which a list shows its objects.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    /// With their attributes.
    Whole,
    /// By type and id.
    Named,
}

/// Returns one object.
pub(super) async fn read_object(
    _: Caller,
    State(site): State<Arc<StandIn>>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<Answer, Refusal> {
    let of = site.find(Collection::at(&collection)?, &id)?.into();
    Ok(Answer::ok(&Envelope::of(Item::read(&site, &of))))
}

/// Returns the objects of a relationship.
pub(super) async fn list_related(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    answer_related(&site, caller, &place, query.as_deref(), Shown::Whole)
}

/// Returns the types and ids of a relationship's objects.
pub(super) async fn list_descriptors(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    answer_related(&site, caller, &place, query.as_deref(), Shown::Named)
}

/// Returns the comments on an object.
pub(super) async fn list_comments(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(of): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    let place = Place::new(of, "comments");
    answer_related(&site, caller, &place, query.as_deref(), Shown::Whole)
}

/// Returns the votes on an object.
pub(super) async fn list_votes(
    caller: Caller,
    State(site): State<Arc<StandIn>>,
    Path(of): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Answer, Refusal> {
    let place = Place::new(of, "votes");
    answer_related(&site, caller, &place, query.as_deref(), Shown::Whole)
}

/// Renders one page of the list at `path`.
pub(super) fn answer_page(
    site: &StandIn,
    all: &[&Descriptor],
    page: &Page<'_>,
    path: &str,
    shown: Shown,
) -> Answer {
    let data: Vec<_> = page.of(all).iter().map(|it| shown.item(site, it)).collect();
    Answer::ok(&Envelope {
        data,
        meta: Some(page.meta(all.len())),
        links: Some(page.links(path, all.len())),
    })
}

impl Place {
    fn new((collection, id): (String, String), relationship: &str) -> Self {
        Self {
            collection,
            id,
            relationship: relationship.to_owned(),
        }
    }
}

impl Shown {
    fn item<'a>(self, site: &'a StandIn, it: &'a Descriptor) -> Item<'a> {
        match self {
            Self::Whole => Item::read(site, it),
            Self::Named => Item::Named(it),
        }
    }
}

fn answer_related(
    site: &StandIn,
    caller: Caller,
    place: &Place,
    query: Option<&str>,
    shown: Shown,
) -> Result<Answer, Refusal> {
    let of = site.find(Collection::at(&place.collection)?, &place.id)?;
    let prefix = match shown {
        Shown::Whole => "",
        Shown::Named => "relationships/",
    };
    let path = format!("{}/{prefix}{}", of.link(), place.relationship);
    let related = site
        .world
        .related(caller.account, &of, &place.relationship)?;
    match related {
        Related::One(it) => {
            let data = it.as_ref().map(|it| shown.item(site, it));
            Ok(Answer::ok(&Envelope {
                data,
                meta: None,
                links: Some(Links::to(path)),
            }))
        }
        Related::Many(embedded) => {
            let query = query.unwrap_or_default();
            let page = Page::parse(&place.relationship, query, page::MOST)?;
            let sent = site.live().notes(&of, &place.relationship);
            let all: Vec<_> = sent.iter().chain(embedded).collect();
            Ok(answer_page(site, &all, &page, &path, shown))
        }
    }
}
