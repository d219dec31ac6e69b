//! Large answers: the memory that they take at once is bounded, and no other task waits for them.
//!
//! A large answer is unpacked and rendered on the thread that serves its request. That thread is
//! marked as blocked ([`block_in_place`]), so the runtime moves its other tasks elsewhere first.

use std::{sync::Arc, thread::available_parallelism};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::block_in_place,
};

/// The size of the largest answer that is unpacked and rendered in less than a few milliseconds.
pub(super) const MAX_SMALL_BYTES: usize = 1_000_000;

/// The size of all large answers that are unpacked at once.
const MAX_UNPACKED_BYTES: u32 = 32_000_000;

/// Slots for large answers that are unpacked or rendered.
///
/// As many run at once as there are cores, since more would not end sooner, and fewer where they
/// are very large. A handle: its clones share the slots.
#[derive(Clone, Debug)]
pub struct LargeAnswers {
    /// The bytes that may still be unpacked.
    free_bytes: Arc<Semaphore>,
    /// The number of bytes that even the smallest large answer counts for.
    min_bytes: u32,
}

/// A slot for one large answer, given back when this and all its clones are dropped.
pub(super) type LargeSlot = Arc<OwnedSemaphorePermit>;

impl Default for LargeAnswers {
    fn default() -> Self {
        let cores = match available_parallelism() {
            Ok(cores) => u32::try_from(cores.get()).unwrap_or(MAX_UNPACKED_BYTES),
            Err(_) => 1,
        };
        Self {
            free_bytes: Arc::new(Semaphore::new(MAX_UNPACKED_BYTES as usize)),
            min_bytes: MAX_UNPACKED_BYTES / cores,
        }
    }
}

impl LargeAnswers {
    /// Returns whether an answer of `size` bytes counts as large.
    pub fn is_large(size: usize) -> bool {
        size > MAX_SMALL_BYTES
    }

    /// Waits for a slot for an answer of `size` bytes. Returns `None` for one that is small.
    pub(super) async fn slot(&self, size: usize) -> Option<LargeSlot> {
        if !Self::is_large(size) {
            return None;
        }
        let size = u32::try_from(size).unwrap_or(MAX_UNPACKED_BYTES);
        let bytes = size.clamp(self.min_bytes, MAX_UNPACKED_BYTES);
        match Arc::clone(&self.free_bytes).acquire_many_owned(bytes).await {
            Ok(slot) => Some(Arc::new(slot)),
            // The semaphore is never closed; without a slot the work would still be sound.
            Err(_) => None,
        }
    }

    /// Runs `work`, which reads `size` bytes: unpacks, checks or renders them.
    ///
    /// Above 1 MB, waits for a slot first. A caller that is dropped while it waits gives up its
    /// turn.
    pub async fn run<T>(&self, size: usize, work: impl FnOnce() -> T) -> T {
        let _slot = self.slot(size).await;
        Self::run_now(size, work)
    }

    /// Runs `work`, which reads `size` bytes, on this thread, for a caller that has a slot.
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
        let (tasks, large_answers) = (TaskTracker::new(), LargeAnswers::default());
        let (sender, receiver) = mpsc::channel();
        let work = move || receiver.recv_timeout(Duration::from_secs(20));
        let large = tasks.spawn(async move { large_answers.run(MAX_SMALL_BYTES + 1, work).await });
        // There is one thread that serves: this runs only if the work does not hold it.
        let small = tasks.spawn(async move { sender.send(()) });
        assert_eq!(
            (large.await.unwrap(), small.await.unwrap()),
            (Ok(()), Ok(()))
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_are_rendered_at_once_than_there_are_slots() {
        let large_answers = LargeAnswers {
            free_bytes: Arc::new(Semaphore::new(MAX_UNPACKED_BYTES as usize)),
            min_bytes: MAX_UNPACKED_BYTES / 2,
        };
        let (tasks, counts) = (
            TaskTracker::new(),
            Arc::new([const { AtomicUsize::new(0) }; 2]),
        );
        for _ in 0..20 {
            let (large_answers, counts) = (large_answers.clone(), Arc::clone(&counts));
            tasks.spawn(async move {
                let work = || {
                    let now = counts[0].fetch_add(1, SeqCst) + 1;
                    counts[1].fetch_max(now, SeqCst);
                    std::thread::yield_now();
                    counts[0].fetch_sub(1, SeqCst);
                };
                large_answers.run(MAX_SMALL_BYTES + 1, work).await;
            });
        }
        tasks.close();
        tasks.wait().await;
        assert!((1..=2).contains(&counts[1].load(SeqCst)));
    }

    #[tokio::test]
    async fn a_very_large_one_is_alone() {
        let answers = LargeAnswers::default();
        let slot = answers.slot(31_000_000).await;
        assert!(slot.is_some() && answers.slot(MAX_SMALL_BYTES).await.is_none());
        let mut another = std::pin::pin!(answers.slot(2_000_000));
        tokio::select! {
            biased;
            _ = &mut another => panic!("both are held at once"),
            () = std::future::ready(()) => {}
        }
        drop(slot);
        assert!(another.await.is_some());
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_renders_on_it() {
        assert_eq!(LargeAnswers::default().run(usize::MAX, || 1).await, 1);
    }
}
