//! Tasks that run beside the requests.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A handle to the tasks of a gateway, and to the token that stops the endless ones.
///
/// Clones share the same tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    /// All tasks; shutdown waits for them.
    pub(super) tasks: TaskTracker,
    /// Stops endless tasks. Cancelled `VT4AI_SHUTDOWN_DELAY` after the shutdown was requested.
    pub(super) stop: CancellationToken,
}

impl Background {
    /// Runs a task until it is done or the gateway stops.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(stop.run_until_cancelled_owned(task));
    }
}
