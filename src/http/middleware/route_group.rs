//! The groups of routes that share limits, and the state of the middlewares around each.

use crate::http::state::AppState;

/// A group of routes with the same limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteGroup {
    /// Documentation, templates, health and metrics: they concern no key and cost next to nothing.
    Service,
    /// The API: each request holds a place and has a time limit.
    Api,
    /// Uploads: each request holds a place and may take as long as it makes progress.
    Upload,
    /// The entrance for models. Each request holds a place; each call of a tool has its own time
    /// limit and counts against a client's allowance.
    Mcp,
    /// VirusTotal's own API: each request holds a place, and one without a body has a time limit
    /// for the head of its answer.
    DropIn,
    /// Paths below the API's that no route takes. They count as the API's.
    UnknownApi,
}

/// The state of the middlewares around a group of routes.
#[derive(Clone, Debug)]
pub struct GroupState {
    /// The state of all routes.
    pub gateway: AppState,
    /// The group.
    pub group: RouteGroup,
}

impl RouteGroup {
    /// Returns whether requests concern a key: they hold a place, and no proxy may share the
    /// responses.
    pub fn concerns_key(self) -> bool {
        self != Self::Service
    }

    /// Returns whether requests count against a client's allowance, apart from a few paths that
    /// admission lets pass.
    pub fn spends_allowance(self) -> bool {
        self.concerns_key() && self != Self::Mcp
    }
}
