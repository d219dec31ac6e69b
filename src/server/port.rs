//! A port: its routes, the limits for its clients, and the signals of a shutdown.

use std::{ops::Deref, sync::Arc};

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::{connections::Connections, pace::ClientPace};
use crate::metrics::Metrics;

/// The two signals of a shutdown.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Cancelled at the start of the shutdown: from then on each response is the last on its
    /// connection.
    pub(crate) told: CancellationToken,
    /// Cancelled after the shutdown delay: no more connections are accepted.
    pub(crate) stop: CancellationToken,
}

/// A port that serves. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Port(Arc<PortParts>);

/// The routes of a port, and the limits for its clients.
#[derive(Debug)]
pub(crate) struct PortParts {
    /// The routes.
    pub(crate) router: Router,
    /// The open connections.
    pub(crate) connections: Connections,
    /// The metrics, which count open connections.
    pub(crate) metrics: Arc<Metrics>,
    /// The pace that clients have to keep.
    pub(crate) pace: ClientPace,
    /// The signals of a shutdown.
    pub(crate) end: End,
}

impl Port {
    /// Creates a port of these parts.
    pub(super) fn new(parts: PortParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Port {
    type Target = PortParts;

    fn deref(&self) -> &PortParts {
        &self.0
    }
}

impl End {
    /// Returns the output of `it`, or `None` if the end comes first.
    ///
    /// If both are ready `it` wins: the system has told a client in the backlog that it is
    /// connected.
    pub(super) async fn unless_ended<T>(&self, it: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            it = it => Some(it),
            () = self.stop.cancelled() => None,
        }
    }
}
