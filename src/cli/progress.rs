//! The progress bar on standard error, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress of a job.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows a bar for this many rows. One row needs none.
    pub(super) fn of(rows: usize) -> Self {
        if rows < 2 {
            return Self(ProgressBar::hidden());
        }
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    /// Counts a row.
    pub(super) fn advance(&self) {
        self.0.set_message("");
        self.0.inc(1);
    }

    /// Says for how many seconds the job waits for quota.
    pub(super) fn wait(&self, seconds: Option<u64>) {
        let message = seconds.map(|seconds| format!("waiting {seconds} s for quota"));
        self.0.set_message(message.unwrap_or_default());
    }

    /// Prints without the bar in between.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
