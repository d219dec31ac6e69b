//! Handlers, one module for each resource.

pub mod analyses;
pub mod behaviours;
pub mod community;
pub mod fallback;
pub mod health;
pub mod prometheus;
pub mod quota;
pub mod relationships;
pub mod reports;
pub mod root;
pub mod search;
pub mod submissions;
pub mod templates;
