//! The drop-in entrance: VirusTotal's own API below `/api/v3`, for its clients with another host.
//!
//! One route takes every request. `target` reads its path and query without changing a byte,
//! `route` decides what the request is and which scopes it takes, and `handle` has the lookup
//! or the submit pipeline answer it. Reads that other entrances have as well share their answers;
//! everything else is passed on and streamed. Errors get VirusTotal's form in the middlewares of
//! the HTTP module.

use std::sync::Arc;

use axum::{Router, routing::any};

use self::{addresses::UploadAddresses, handle::pass_on};
use crate::http::{
    AppState, admitted,
    middleware::route_group::{GroupState, RouteGroup},
};

mod addresses;
mod forward;
mod handle;
mod headers;
mod indicators;
mod own_user;
mod read;
mod respond;
mod route;
mod scan;
mod target;
mod uploads;
mod users;

/// The state of this entrance.
#[derive(Clone, Debug)]
struct Entrance {
    /// The state of all routes.
    gateway: AppState,
    /// The one-time addresses that were given for uploads.
    addresses: Arc<UploadAddresses>,
}

/// Builds the routes of this entrance, with the layers that every route of the public port has.
pub fn router(gateway: &AppState) -> Router {
    let entrance = Entrance {
        gateway: Arc::clone(gateway),
        addresses: Arc::default(),
    };
    let state = GroupState {
        gateway: Arc::clone(gateway),
        group: RouteGroup::DropIn,
    };
    let router = Router::new()
        .route("/api/v3", any(pass_on))
        .route("/api/v3/", any(pass_on))
        .route("/api/v3/{*path}", any(pass_on))
        .with_state(entrance);
    admitted(router, state).with_state(Arc::clone(gateway))
}
