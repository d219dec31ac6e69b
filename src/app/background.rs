//! Tasks that run beside the requests.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of a gateway, and the end of those that would go on for ever.
///
/// A handle: its clones are the same tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    /// All tasks; the end of the process waits for them.
    pub(super) tasks: TaskTracker,
    /// Ends what runs; cancelled a while after the gateway was told to stop.
    pub(super) stop: CancellationToken,
}

impl Background {
    /// Runs a task until it is done or the gateway stops.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(stop.run_until_cancelled_owned(task));
    }
}
