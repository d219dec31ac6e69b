//! The command line: `vt4ai lookup` and its short forms (`docs/command-line.md`).
//!
//! `source` reads the indicators, `door` asks a gateway in this process or elsewhere, `job` looks all
//! of them up and reads the rows, and `output` prints them in the order given. Reports in full come
//! through `documents`. All lookups pass through the routes that HTTP clients use.

use std::{io, process::ExitCode, time::Duration};

use tokio::{
    select,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
};

use self::{
    documents::Documents,
    door::Door,
    failure::{Failure, say},
    job::JobEvent,
    output::Output,
    progress::Progress,
    row::CliRow,
    source::GivenIndicator,
    status::Status,
};
use crate::{
    app::runtime,
    cache::PrivateGuard,
    config::{Config, LookupFormat, LookupTask},
    http::bulk::Summary,
    telemetry::{self, traces},
};

pub use self::mcp::serve_mcp;

mod documents;
mod door;
mod failure;
mod job;
mod mcp;
mod output;
mod progress;
mod row;
mod source;
mod status;
mod table;

/// The longest silence of a gateway elsewhere: a job sends a line every 15 seconds.
const SILENCE: Duration = Duration::from_mins(3);

/// Looks up indicators and prints what is found. Returns the exit status.
///
/// # Errors
///
/// Fails if the system starts no threads.
pub fn look_up(task: &LookupTask, config: Config) -> io::Result<ExitCode> {
    let runtime = runtime::start(&config.server)?;
    telemetry::start(&config.log, config.collector.as_ref(), runtime.handle());
    let done = source::read(&task.sources).and_then(|mut asked| {
        check(task, &asked)?;
        if task.gateway.is_some() {
            let guard = PrivateGuard::load(config.private.clone());
            let guard = guard.map_err(|error| Failure::usage(error.to_string()))?;
            source::withhold_private(&mut asked, &guard);
        }
        runtime.block_on(run(task, config, &asked))
    });
    let status = done.unwrap_or_else(|failure| {
        failure.report();
        failure.status.code()
    });
    traces::finish();
    runtime.shutdown_background();
    Ok(status.into())
}

/// Refuses options that contradict one another.
fn check(task: &LookupTask, asked: &[GivenIndicator]) -> Result<(), Failure> {
    let has_rows = matches!(task.format, LookupFormat::Table | LookupFormat::Csv);
    let chooses = task.view.is_some() || task.fields.is_some() || task.template.is_some();
    if has_rows && !task.ids_only && (chooses || task.related.is_some()) {
        return Err(Failure::usage(
            "a table has no attributes: use `--format json`, `markdown`, `xml` or `raw`",
        ));
    }
    let is_mapped = matches!(
        task.format,
        LookupFormat::Ecs | LookupFormat::Stix | LookupFormat::Misp
    );
    if is_mapped && chooses {
        return Err(Failure::usage(
            "a document for a SOC platform has no attributes to choose: use `--format json`",
        ));
    }
    if task.related.is_some() {
        return match asked {
            [_] => Ok(()),
            _ => Err(Failure::usage("`--relationship` takes one indicator")),
        };
    }
    if task.template.is_some() && !output::shows_documents(task, asked) {
        return Err(Failure::usage(
            "rows have no template: name one indicator, or use `--format markdown`, `xml`, or `--fields`",
        ));
    }
    Ok(())
}

/// Opens the door, looks up, and closes it again. Returns the exit status.
async fn run(task: &LookupTask, config: Config, asked: &[GivenIndicator]) -> Result<u8, Failure> {
    let keeps = config.disk.dir.is_some() && config.cache.max_bytes > 0;
    let door = Door::open(task.gateway.as_ref(), config, SILENCE).await?;
    let command = Lookups {
        door: &door,
        task,
        asked,
        is_kept: keeps || task.gateway.is_some(),
    };
    let mut worst = Status::default();
    // A terminal that goes away ends the command, too.
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| no_signals(&error))?;
    let mut term = signal(SignalKind::terminate()).map_err(|error| no_signals(&error))?;
    let done = select! {
        done = command.run(&mut worst) => Ok(done),
        _ = ctrl_c() => Err(SignalKind::interrupt()),
        _ = hangup.recv() => Err(SignalKind::hangup()),
        _ = term.recv() => Err(SignalKind::terminate()),
    };
    let status = match done {
        // As shells have it.
        Err(signal) => u8::try_from(128 + signal.as_raw_value()).unwrap_or(u8::MAX),
        Ok(Ok(())) => worst.code(),
        Ok(Err(mut failure)) => {
            if failure.status == Status::Refused && !door.has_credential() {
                failure.message = format!("there is no key: {}", door.advice());
            }
            failure.report();
            worst.max(failure.status).code()
        }
    };
    door.close().await;
    Ok(status)
}

fn no_signals(error: &io::Error) -> Failure {
    Failure::unavailable(format!("signals can't be received: {error}"))
}

/// The lookups of a command.
struct Lookups<'a> {
    door: &'a Door,
    task: &'a LookupTask,
    asked: &'a [GivenIndicator],
    /// Whether the next command finds what this one has looked up.
    is_kept: bool,
}

impl Lookups<'_> {
    /// Looks up and prints. Notes the worst outcome, also where it fails in between.
    async fn run(&self, worst: &mut Status) -> Result<(), Failure> {
        let Self {
            door, task, asked, ..
        } = *self;
        let output = Output::new(task, asked);
        if task.dry_run {
            let forecasts = job::forecast(door, task, asked).await?;
            return output.print(&output::forecast(task.format, &forecasts));
        }
        if let (Some(related), [only]) = (&task.related, asked) {
            let documents = Documents {
                door,
                task,
                output: &output,
            };
            return documents.print_related(only, related).await;
        }
        let (output, found) = self.print_rows(output, worst).await?;
        let documents = Documents {
            door,
            task,
            output: &output,
        };
        for (place, row) in &found {
            let Some(asked) = asked.get(*place) else {
                continue;
            };
            if let Err(failure) = documents.print_report(asked, row).await {
                if failure.status == Status::Closed {
                    return Err(failure);
                }
                if row.has_detections() {
                    *worst = (*worst).max(failure.status);
                    say(&format!("{}: {}", asked.given, failure.message));
                } else {
                    output::report_row(row);
                }
            }
        }
        Ok(())
    }

    /// Prints the rows as they are finished. Returns those whose reports are to be printed.
    async fn print_rows(
        &self,
        mut output: Output,
        worst: &mut Status,
    ) -> Result<(Output, Vec<(usize, Box<CliRow>)>), Failure> {
        let mut found = Vec::new();
        let mut is_missing = vec![true; self.asked.len()];
        let progress = Progress::of(self.asked.len());
        let tell = |event| match event {
            JobEvent::Waiting(seconds) => {
                progress.wait(seconds);
                Ok(())
            }
            JobEvent::Row(place, row) => {
                let is_first = is_missing.get_mut(place).is_some_and(std::mem::take);
                if !is_first {
                    return Ok(());
                }
                progress.advance();
                *worst = (*worst).max(row.status());
                if output.is_documents() && row.has_report() {
                    found.push((place, row));
                    return Ok(());
                }
                progress.suspend(|| output.add(place, row))
            }
        };
        let done = job::run(self.door, self.task, self.asked, tell).await;
        drop(progress);
        let (mut summary, failure) = match done {
            Ok(summary) => (summary, None),
            Err(failure) => (Summary::default(), Some(failure)),
        };
        summary.rows = self.asked.len();
        let missing = self
            .asked
            .iter()
            .zip(is_missing)
            .filter(|(_, missing)| *missing);
        summary.remaining = missing.map(|(asked, _)| asked.given.clone()).collect();
        // Whatever a gateway says of itself.
        summary.complete &= summary.remaining.is_empty();
        match failure {
            // Nothing was looked up, and the failure says all.
            Some(failure) if summary.remaining.len() == summary.rows => return Err(failure),
            Some(failure) if failure.status == Status::Closed => return Err(failure),
            Some(failure) => {
                output.finish(&summary, self.is_kept)?;
                return Err(failure);
            }
            None => output.finish(&summary, self.is_kept)?,
        }
        if !summary.complete {
            *worst = (*worst).max(Status::of_end(summary.ended));
        }
        found.sort_by_key(|(place, _)| *place);
        Ok((output, found))
    }
}
