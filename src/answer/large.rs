//! Rendering of large answers away from the threads that serve requests.

use std::thread::available_parallelism;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// The size from which unpacking and rendering an answer takes milliseconds.
const LARGE: usize = 1_000_000;

/// Permits for large renderings, as many as there are cores.
///
/// More renderings at once would not finish sooner, and each takes several times the memory of its
/// answer.
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
    /// Runs `work`, which unpacks, checks or renders `size` bytes.
    ///
    /// Above 1 MB it waits for a permit first, and tells the runtime to move this thread's other
    /// tasks to another thread. A caller that is dropped while it waits gives up its place.
    pub async fn run<T>(&self, size: usize, work: impl FnOnce() -> T) -> T {
        if size <= LARGE {
            return work();
        }
        // The semaphore is never closed, and the work would be correct without a permit.
        let _permit = self.permits.acquire().await;
        // A current-thread runtime has no other thread, and `block_in_place` would panic.
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
    async fn other_requests_are_served_during_a_large_rendering() {
        let (tasks, permits) = (TaskTracker::new(), Arc::new(RenderPermits::default()));
        let (sender, receiver) = mpsc::channel();
        let work = move || receiver.recv_timeout(Duration::from_secs(20));
        let large = tasks.spawn(async move { permits.run(LARGE + 1, work).await });
        // Only one thread serves: this task runs only if the rendering does not block it.
        let small = tasks.spawn(async move { sender.send(()) });
        assert_eq!(
            (large.await.unwrap(), small.await.unwrap()),
            (Ok(()), Ok(()))
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn permits_bound_concurrent_large_renderings() {
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
    async fn a_current_thread_runtime_renders_on_its_thread() {
        assert_eq!(RenderPermits::default().run(usize::MAX, || 1).await, 1);
    }
}
