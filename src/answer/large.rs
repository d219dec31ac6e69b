//! Large renderings, kept apart from the threads that serve.

use std::thread::available_parallelism;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// The size beyond which it takes milliseconds to unpack and render an answer.
const LARGE: usize = 1_000_000;

/// Permits for large renderings: as many run at once as there are cores.
///
/// More would not end sooner, and each takes several times the memory of its answer.
#[derive(Debug)]
pub struct RenderPermits {
    permits: Semaphore,
}

impl Default for RenderPermits {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            permits: Semaphore::new(cores),
        }
    }
}

impl RenderPermits {
    /// Runs `work`, which reads `size` bytes: unpacks, checks or renders them.
    ///
    /// Above 1 MB, waits for a permit first, and has the runtime move the other tasks of this
    /// thread to another one. A caller that is dropped while it waits gives up its place.
    pub async fn run<T>(&self, size: usize, work: impl FnOnce() -> T) -> T {
        if size <= LARGE {
            return work();
        }
        // The semaphore is never closed; without a permit the work would still be sound.
        let _permit = self.permits.acquire().await;
        // A runtime of one thread has no other one to move tasks to, and panics if asked to.
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
            _ => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
            mpsc,
        },
        time::Duration,
    };

    use tokio_util::task::TaskTracker;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_are_served_while_something_large_is_rendered() {
        let (tasks, permits) = (TaskTracker::new(), Arc::new(RenderPermits::default()));
        let (sender, receiver) = mpsc::channel();
        let work = move || receiver.recv_timeout(Duration::from_secs(20));
        let large = tasks.spawn(async move { permits.run(LARGE + 1, work).await });
        // There is one thread that serves: this runs only if the work does not hold it.
        let small = tasks.spawn(async move { sender.send(()) });
        assert_eq!(
            (large.await.unwrap(), small.await.unwrap()),
            (Ok(()), Ok(()))
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_are_rendered_at_once_than_there_are_permits() {
        let permits = Arc::new(RenderPermits {
            permits: Semaphore::new(2),
        });
        let (tasks, counts) = (
            TaskTracker::new(),
            Arc::new([const { AtomicUsize::new(0) }; 2]),
        );
        for _ in 0..20 {
            let (permits, counts) = (Arc::clone(&permits), Arc::clone(&counts));
            tasks.spawn(async move {
                let work = || {
                    let now = counts[0].fetch_add(1, SeqCst) + 1;
                    counts[1].fetch_max(now, SeqCst);
                    std::thread::yield_now();
                    counts[0].fetch_sub(1, SeqCst);
                };
                permits.run(LARGE + 1, work).await;
            });
        }
        tasks.close();
        tasks.wait().await;
        assert!((1..=2).contains(&counts[1].load(SeqCst)));
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_renders_on_it() {
        assert_eq!(RenderPermits::default().run(usize::MAX, || 1).await, 1);
    }
}
