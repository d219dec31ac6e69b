//! Layers around the handlers.

pub mod admission;
pub mod audit;
pub mod cors;
pub mod drain_body;
pub mod limits;
pub mod observe;
pub mod refusal;
pub mod route_group;
