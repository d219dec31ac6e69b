//! Extractors: the parts of a request that handlers name in their signatures.
//!
//! [`caller`] decides whose key a request spends, [`path`] and [`query`] read identifiers and
//! parameters strictly, [`wanted`] combines the query with the headers that describe the answer,
//! and [`body`] reads what is posted. Every rejection is an [`ApiError`](super::error::ApiError).

pub use self::{
    body::Json,
    caller::{MayRead, MaySearch, MaySubmit},
    format::AnswerFormat,
    parameters::Parameters,
    path::{DomainName, FileHash, InCollection, IpAddress, UrlId},
    peer::{ConnectionInfo, Peer, Unroutable},
    query::StrictQuery,
    wanted::Wanted,
    write_about::WriteAbout,
};

pub mod authority;
pub mod body;
pub mod caller;
pub mod credential;
pub mod format;
pub mod forwarded;
pub mod freshness;
pub mod list;
pub mod locality;
pub mod metrics;
mod parameters;
pub mod path;
pub mod peer;
pub mod query;
pub mod view;
pub mod wanted;
mod write_about;
