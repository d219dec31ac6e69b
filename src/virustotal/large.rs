//! Large answers, kept apart from the threads that serve and bounded in the memory they take.

use std::{sync::Arc, thread::available_parallelism};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::block_in_place,
};

/// The size beyond which it takes milliseconds to unpack and render an answer.
pub(super) const LARGE: usize = 1_000_000;

/// The size of all large answers that are unpacked at once, in bytes.
const MOST: u32 = 32_000_000;

/// Permits to have large answers unpacked, or to render them.
///
/// As many run at once as there are cores, since more would not end sooner, and fewer where they
/// are very large. A handle: its clones share the permits.
#[derive(Clone, Debug)]
pub struct LargeAnswers {
    permits: Arc<Semaphore>,
    /// The permits that even a small one of them takes.
    least: u32,
}

/// A permit for one large answer, given back when this and all its clones are dropped.
pub(super) type LargePermit = Arc<OwnedSemaphorePermit>;

impl Default for LargeAnswers {
    fn default() -> Self {
        let cores = match available_parallelism() {
            Ok(cores) => u32::try_from(cores.get()).unwrap_or(MOST),
            Err(_) => 1,
        };
        Self {
            permits: Arc::new(Semaphore::new(MOST as usize)),
            least: MOST / cores,
        }
    }
}

impl LargeAnswers {
    /// Returns whether an answer of `size` bytes counts as large.
    pub fn is_large(size: usize) -> bool {
        size > LARGE
    }

    /// Waits for a permit to hold an answer of `size` bytes unpacked; none for one that is small.
    pub(super) async fn permit(&self, size: usize) -> Option<LargePermit> {
        if !Self::is_large(size) {
            return None;
        }
        let size = u32::try_from(size).unwrap_or(MOST);
        let permits = size.clamp(self.least, MOST);
        match Arc::clone(&self.permits).acquire_many_owned(permits).await {
            Ok(permit) => Some(Arc::new(permit)),
            // The semaphore is never closed; without a permit the work would still be sound.
            Err(_) => None,
        }
    }

    /// Runs `work`, which reads `size` bytes: unpacks, checks or renders them.
    ///
    /// Above 1 MB, waits for a permit first. A caller that is dropped while it waits gives up its
    /// place.
    pub async fn run<T>(&self, size: usize, work: impl FnOnce() -> T) -> T {
        let _permit = self.permit(size).await;
        Self::run_now(size, work)
    }

    /// Runs `work`, which reads `size` bytes, for a caller that has a permit.
    ///
    /// Above 1 MB, has the runtime move the other tasks of this thread to another one.
    pub fn run_now<T>(size: usize, work: impl FnOnce() -> T) -> T {
        if !Self::is_large(size) {
            return work();
        }
        // A runtime of one thread has no other one to move tasks to, and panics if asked to.
        match Handle::try_current() {
            Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
                block_in_place(work)
            }
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
        let (tasks, permits) = (TaskTracker::new(), LargeAnswers::default());
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
        let permits = LargeAnswers {
            permits: Arc::new(Semaphore::new(MOST as usize)),
            least: MOST / 2,
        };
        let (tasks, counts) = (
            TaskTracker::new(),
            Arc::new([const { AtomicUsize::new(0) }; 2]),
        );
        for _ in 0..20 {
            let (permits, counts) = (permits.clone(), Arc::clone(&counts));
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
    async fn a_very_large_one_is_alone() {
        let answers = LargeAnswers::default();
        let permit = answers.permit(31_000_000).await;
        assert!(permit.is_some() && answers.permit(LARGE).await.is_none());
        let mut another = std::pin::pin!(answers.permit(2_000_000));
        tokio::select! {
            biased;
            _ = &mut another => panic!("both are held at once"),
            () = std::future::ready(()) => {}
        }
        drop(permit);
        assert!(another.await.is_some());
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_renders_on_it() {
        assert_eq!(LargeAnswers::default().run(usize::MAX, || 1).await, 1);
    }
}
