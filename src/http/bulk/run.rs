//! The run of a job.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    audit::RowAudit,
    batch::{Asked, Batch},
    request::BulkRequest,
    reserved::{NoUnit, Reserved},
    row::{FinishedRow, RowOutcome, Source},
    shared::{LookedUp, Shared, Turn},
    summary::{Ended, Progress, Summary},
};
use crate::{
    access::{Cost, RequestContext, UnitBudget, clients::Client},
    http::{error::ApiError, state::AppState},
    lookup::{FetchError, LookupError},
};

/// The number of lookups at a time.
const AT_ONCE: usize = 8;

/// The longest time without a line.
const QUIET: Duration = Duration::from_secs(15);

/// The shortest pause before quota is asked for again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The number of finished rows that wait for the caller to read them.
const UNREAD: usize = 64;

/// A job: its rows, and what its lookups need.
#[derive(Debug)]
pub struct Job {
    pub(super) batch: Batch,
    pub(super) shared: Arc<Shared>,
}

/// The caller of a job.
#[derive(Debug)]
pub struct JobCaller {
    /// The key to spend, and who the request counts for.
    pub context: RequestContext,
    /// The client whose allowance each unit counts against.
    pub client: Option<Client>,
    /// The audit log, if there is one.
    pub audit: Option<RowAudit>,
}

/// A line of the answer.
#[derive(Debug)]
pub enum Event {
    /// A finished row.
    Row(Box<FinishedRow>),
    /// The state of a job that has had no finished row for a while.
    Progress(Progress),
    /// The summary, which comes last.
    Summary(Box<Summary>),
}

/// A finished lookup of a subject.
struct Done {
    subject: usize,
    result: LookedUp,
    cost: Cost,
    reserved: Reserved,
}

/// A job that runs.
struct Run {
    job: Job,
    out: mpsc::Sender<Event>,
    summary: Summary,
    done: usize,
    deadline: Instant,
    /// The time at which quota is asked for again.
    resume: Option<Instant>,
    ended: Option<Ended>,
    /// The turn of the next lookup.
    turn: Option<oneshot::Receiver<()>>,
    tasks: JoinSet<Done>,
}

/// The caller has hung up.
struct Gone;

impl Job {
    /// Creates the job of a request.
    pub fn new(gateway: AppState, caller: JobCaller, request: BulkRequest) -> Self {
        let JobCaller {
            context,
            client,
            audit,
        } = caller;
        let templates = gateway.templates.current();
        Self {
            batch: request.batch,
            shared: Arc::new(Shared {
                gateway,
                context,
                client,
                budget: request.options.max_units.map(UnitBudget::of),
                options: request.options,
                audit,
                templates,
            }),
        }
    }

    /// Returns the texts of the rows, in their order.
    pub(super) fn texts(&self) -> Vec<String> {
        self.batch.texts()
    }

    /// Starts the job. It ends when the receiver is dropped.
    pub fn start(self) -> mpsc::Receiver<Event> {
        let (out, events) = mpsc::channel(UNREAD);
        let gateway = Arc::clone(&self.shared.gateway);
        let closed = out.clone();
        gateway.tasks.spawn(async move {
            tokio::select! {
                _ = Run::new(self, out).run() => {}
                () = closed.closed() => {}
            }
        });
        events
    }
}

impl Run {
    fn new(job: Job, out: mpsc::Sender<Event>) -> Self {
        let options = &job.shared.options;
        Self {
            deadline: Instant::now() + options.wait,
            out,
            summary: Summary {
                rows: job.batch.rows.len(),
                unique: job.batch.subjects.len(),
                ..Summary::default()
            },
            done: 0,
            resume: None,
            ended: None,
            turn: None,
            tasks: JoinSet::new(),
            job,
        }
    }

    async fn run(mut self) -> Result<(), Gone> {
        let mut asked = VecDeque::new();
        for subject in 0..self.job.batch.subjects.len() {
            match &self.job.batch.subjects[subject].asked {
                Asked::Lookup(_) => asked.push_back(subject),
                Asked::Invalid(why) => {
                    let error = ApiError::invalid_argument(why.clone());
                    let outcome = RowOutcome::failed(error, Source::Local);
                    self.finish(subject, &outcome, 0).await?;
                }
            }
        }
        let missing = self.find_kept(asked).await?;
        let remaining = self.fetch(missing).await?;
        self.end(&remaining).await
    }

    /// Sends the rows whose answers are kept, and returns the other subjects in their order.
    async fn find_kept(&mut self, mut asked: VecDeque<usize>) -> Result<VecDeque<usize>, Gone> {
        let mut missing = Vec::new();
        loop {
            while self.tasks.len() < AT_ONCE
                && let Some(subject) = asked.pop_front()
            {
                self.spawn(subject, None);
            }
            let Some(done) = self.tasks.join_next().await else {
                break;
            };
            // A task that panicked has been counted; its rows remain.
            let Ok(Done {
                subject, result, ..
            }) = done
            else {
                continue;
            };
            match result {
                LookedUp::Finished(outcome) => self.finish(subject, &outcome, 0).await?,
                LookedUp::NotKept | LookedUp::NoQuota(_) => missing.push(subject),
            }
        }
        missing.sort_unstable();
        Ok(missing.into())
    }

    /// Fetches the rest, and returns the subjects that remain.
    async fn fetch(&mut self, mut missing: VecDeque<usize>) -> Result<VecDeque<usize>, Gone> {
        let stopping = self.job.shared.gateway.stopping.clone();
        let mut ticks = interval(QUIET);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            while !missing.is_empty()
                && let Some(reserved) = self.reserve()
                && let Some(subject) = missing.pop_front()
            {
                self.spawn(subject, Some(reserved));
            }
            if self.tasks.is_empty() && (missing.is_empty() || self.ended.is_some()) {
                return Ok(missing);
            }
            let resume = self.resume;
            let paused = async {
                match resume {
                    Some(resume) => sleep_until(resume).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(done) = self.tasks.join_next() => {
                    if let Ok(done) = done {
                        self.take(done, &mut missing).await?;
                    }
                }
                () = paused => self.resume = None,
                _ = ticks.tick() => self.say_progress().await?,
                () = stopping.cancelled(), if self.ended.is_none() => {
                    self.ended = Some(Ended::Stopping);
                }
            }
        }
    }

    /// Sets a unit aside for another lookup, if one may start now.
    fn reserve(&mut self) -> Option<Reserved> {
        if self.ended.is_some() || self.resume.is_some() || self.tasks.len() >= AT_ONCE {
            return None;
        }
        match self.job.shared.reserve() {
            Ok(reserved) => return Some(reserved),
            // Lookups under way may turn out to cost nothing.
            Err(_) if !self.tasks.is_empty() => {}
            Err(NoUnit::MaxUnits) => self.ended = Some(Ended::MaxUnits),
            Err(NoUnit::Allowance(over)) => self.pause(over.retry_after, Ended::Allowance),
        }
        None
    }

    /// Waits for this long before the next lookup, or ends the job if it does not wait so long.
    fn pause(&mut self, wait: Duration, why: Ended) {
        let resume = Instant::now() + wait.max(SHORTEST_PAUSE);
        if resume > self.deadline {
            self.ended = self.ended.or(Some(why));
        } else {
            self.resume = self.resume.max(Some(resume));
        }
    }

    /// Looks a subject up; among what is kept only, if no unit was set aside.
    fn spawn(&mut self, subject: usize, reserved: Option<Reserved>) {
        let turn = reserved.map(|_| {
            let (next, behind) = oneshot::channel();
            let before = self.turn.replace(behind);
            Turn { before, next }
        });
        let Asked::Lookup(indicator) = &self.job.batch.subjects[subject].asked else {
            return;
        };
        let (shared, indicator) = (Arc::clone(&self.job.shared), indicator.clone());
        self.tasks.spawn(async move {
            let only_kept = reserved.is_none();
            let (result, cost) = shared.look_up(&indicator, only_kept, turn).await;
            Done {
                subject,
                result,
                cost,
                reserved: reserved.unwrap_or_default(),
            }
        });
    }

    /// Takes the result of a lookup. Without quota the subject is put back to its place.
    async fn take(&mut self, done: Done, missing: &mut VecDeque<usize>) -> Result<(), Gone> {
        let Done {
            subject,
            result,
            cost,
            reserved,
        } = done;
        self.summary.units += cost.units;
        if let Err(over) = self.job.shared.settle(&cost, reserved) {
            self.pause(over.retry_after, Ended::Allowance);
        }
        let why = match result {
            LookedUp::Finished(outcome) => {
                return self.finish(subject, &outcome, cost.units).await;
            }
            LookedUp::NotKept => {
                let error = LookupError::Fetch(FetchError::NotKept);
                let outcome = RowOutcome::failed(error.into(), Source::Local);
                return self.finish(subject, &outcome, cost.units).await;
            }
            LookedUp::NoQuota(wait) => wait,
        };
        let at = missing.partition_point(|other| *other < subject);
        missing.insert(at, subject);
        self.pause(why, Ended::Quota);
        Ok(())
    }

    /// Sends the rows of a subject.
    async fn finish(
        &mut self,
        subject: usize,
        outcome: &RowOutcome,
        units: u64,
    ) -> Result<(), Gone> {
        let Batch { rows, subjects, .. } = &self.job.batch;
        let subject = &subjects[subject];
        let indicator = match &subject.asked {
            Asked::Lookup(indicator) => Some(indicator),
            Asked::Invalid(_) => None,
        };
        for (at, row) in subject.rows.iter().enumerate() {
            let row = &rows[*row];
            let mut finished = outcome.row(row.number, &row.given, indicator);
            if at == 0 {
                finished.cost = units;
            }
            self.summary.count(&finished, at == 0);
            self.done += 1;
            let event = Event::Row(Box::new(finished));
            self.out.send(event).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn say_progress(&self) -> Result<(), Gone> {
        let left = self
            .resume
            .map(|at| at.saturating_duration_since(Instant::now()));
        let progress = Progress {
            done: self.done,
            rows: self.summary.rows,
            units: self.summary.units,
            waiting: left.map(|left| left.as_secs()),
        };
        let event = Event::Progress(progress);
        self.out.send(event).await.map_err(|_| Gone)
    }

    async fn end(mut self, remaining: &VecDeque<usize>) -> Result<(), Gone> {
        let Batch { rows, subjects, .. } = &self.job.batch;
        let mut places: Vec<_> = remaining
            .iter()
            .flat_map(|subject| &subjects[*subject].rows)
            .collect();
        places.sort_unstable();
        for place in places {
            self.summary.remaining.push(rows[*place].given.clone());
            self.summary.remaining_numbers.push(rows[*place].number);
        }
        self.summary.complete = self.done == self.summary.rows;
        self.summary.ended = self.ended.filter(|_| !self.summary.complete);
        let event = Event::Summary(Box::new(self.summary));
        self.out.send(event).await.map_err(|_| Gone)
    }
}
