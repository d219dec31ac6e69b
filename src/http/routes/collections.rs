//! Operations that every collection has, each written once.

use axum::routing::MethodFilter;
use utoipa::openapi::path::Paths;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    http::{
        openapi::{self, parameters},
        state::AppState,
    },
    indicator::Kind,
};

/// Returns one collection's form of an operation that is written for all.
///
/// OpenAPI can't describe a `{collection}` on which the form of `{id}` depends, so each has a path
/// of its own.
pub(super) fn in_collection(
    kind: Kind,
    (schemas, mut paths, route): UtoipaMethodRouter<AppState>,
) -> UtoipaMethodRouter<AppState> {
    let id = parameters::path_parameter(kind);
    for (path, mut item) in std::mem::take(&mut paths.paths) {
        let path = path.replace("{collection}", kind.collection());
        let names_one = path.contains("{id}");
        for operation in item.get.iter_mut().chain(&mut item.post) {
            openapi::adapt(operation, kind, names_one.then(|| id.clone()));
        }
        let path = path.replace("{id}", &format!("{{{}}}", id.name));
        paths.paths.insert(path, item);
    }
    (schemas, paths, route)
}

/// Returns the method of the operation that these paths document: all of the API's are GET or POST.
pub(super) fn method_of(paths: &Paths) -> MethodFilter {
    if paths.paths.values().any(|item| item.post.is_some()) {
        MethodFilter::POST
    } else {
        MethodFilter::GET
    }
}
