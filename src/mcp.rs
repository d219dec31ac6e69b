//! The entrance for models: the Model Context Protocol at `/mcp` (`docs/mcp.md`).
//!
//! `door` applies the rules of REST to a request: credential, scopes, hosts, origins, limits.
//! `message` and `era` read one message of JSON-RPC and the revision of the protocol that it
//! speaks, `methods` answers it, and `stream` sends an answer that takes a while. Each tool in
//! `tools` reads arguments and renders what the pipelines of [`lookup`](crate::lookup) and
//! [`submit`](crate::submit) return. Nothing is remembered from one request to the next, so that any
//! replica answers any of them.

pub use self::{
    door::router,
    lines::{Post, StdioLine},
};

mod access;
mod arguments;
mod budget;
mod door;
mod era;
mod errors;
mod instructions;
mod lines;
mod message;
mod methods;
mod prompts;
mod resources;
mod results;
mod rpc;
mod stream;
mod tools;
mod views;
mod visit;
