//! Routes that every collection has, each written once.

use axum::Extension;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::http::{
    openapi::{self, parameters},
    state::Shared,
};
use crate::indicator::Kind;

/// The same routes for each of these kinds.
pub(in crate::http) fn of_each<const N: usize>(
    kinds: impl IntoIterator<Item = Kind>,
    routes: impl Fn() -> [UtoipaMethodRouter<Shared>; N],
) -> OpenApiRouter<Shared> {
    let each = kinds.into_iter().flat_map(|kind| {
        let routes = routes();
        routes.into_iter().map(move |route| of_kind(kind, route))
    });
    each.fold(OpenApiRouter::new(), OpenApiRouter::routes)
}

/// One collection's form of a route that is written for all.
///
/// OpenAPI can't describe a `{collection}` on which the form of `{id}` depends, so each
/// has a path of its own; the handler is told its kind.
fn of_kind(
    kind: Kind,
    (schemas, mut paths, handler): UtoipaMethodRouter<Shared>,
) -> UtoipaMethodRouter<Shared> {
    let id = parameters::path_parameter(kind);
    paths.paths = std::mem::take(&mut paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            let path = path.replace("{collection}", kind.collection());
            for operation in item.get.iter_mut().chain(&mut item.post) {
                openapi::adapt(operation, kind, path.contains("{id}").then(|| id.clone()));
            }
            (path.replace("{id}", &format!("{{{}}}", id.name)), item)
        })
        .collect();
    (schemas, paths, handler.layer(Extension(kind)))
}
