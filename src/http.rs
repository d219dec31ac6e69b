//! The REST entrance: routes, extractors, handlers and middlewares.
//!
//! A request passes the layers of [`routes`], whose code is in [`middleware`]. Its parts are read by
//! the extractors of [`extract`], a handler of [`handlers`] calls one function of the lookup or
//! submit pipeline, and an [`error::ApiError`] becomes a response in one place. [`openapi`] builds
//! the document from the handlers' attributes.

pub use self::{
    console::{Console, Example},
    extract::view::ViewDefaults,
    routes::{admin_router, admitted, document, entrance, router},
    state::{AppState, Gateway, RequestLimits},
};

pub mod bulk;
pub mod console;
pub mod error;
pub mod extract;
pub mod handlers;
pub mod headers;
pub mod middleware;
pub mod openapi;
pub mod outcome;
pub mod routes;
pub mod state;
