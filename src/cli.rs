//! The command line: `vt4ai lookup` and its short forms (`docs/command-line.md`).
//!
//! `source` reads the indicators, `door` asks a gateway in this process or elsewhere, `job` looks all
//! of them up and reads the rows, and `output` prints them in the order given. Reports in full come
//! through `documents`. All lookups pass through the routes that HTTP clients use.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use tokio::{runtime, select, signal};

use self::{
    door::Door, failure::Failure, job::JobEvent, output::Output, progress::Progress, row::CliRow,
    source::Asked, status::Status,
};
use crate::{
    config::{Config, LookupFormat, LookupTask},
    telemetry,
};

mod documents;
mod door;
mod failure;
mod job;
mod output;
mod progress;
mod row;
mod source;
mod status;
mod table;

/// The exit status after Ctrl-C, as shells have it: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// Looks up indicators and prints what is found. Returns the exit status.
///
/// # Errors
///
/// Fails if the system starts no threads.
pub fn look_up(task: &LookupTask, config: Config) -> io::Result<ExitCode> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(config.server.workers.get())
        .enable_all()
        .build()?;
    telemetry::start(&config.log, config.collector.as_ref(), runtime.handle());
    let done = source::read(&task.sources).and_then(|asked| {
        check(task, &asked)?;
        runtime.block_on(run(task, config, &asked))
    });
    let status = done.unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "error: {}", failure.message);
        }
        failure.status.code()
    });
    runtime.shutdown_background();
    Ok(status.into())
}

/// Refuses options that contradict one another.
fn check(task: &LookupTask, asked: &[Asked]) -> Result<(), Failure> {
    let has_rows = matches!(task.format, LookupFormat::Table | LookupFormat::Csv);
    let chooses = task.view.is_some() || task.fields.is_some() || task.template.is_some();
    if has_rows && chooses && !task.ids_only {
        return Err(Failure::usage(
            "attributes are shown with `--format json`, `markdown`, `xml` or `raw`",
        ));
    }
    if task.related.is_some() && asked.len() > 1 {
        return Err(Failure::usage("`--relationship` takes one indicator"));
    }
    Ok(())
}

/// Opens the door, looks up, and closes it again. Returns the exit status.
async fn run(task: &LookupTask, config: Config, asked: &[Asked]) -> Result<u8, Failure> {
    let door = Door::open(task, config).await?;
    let done = select! {
        done = work(&door, task, asked) => done.map(Status::code),
        _ = signal::ctrl_c() => Ok(INTERRUPTED),
    };
    let advice = door.advice();
    let has_credential = door.has_credential();
    door.close().await;
    done.map_err(|failure| match failure.status {
        Status::Refused if !has_credential => Failure {
            message: format!("there is no key: {advice}"),
            ..failure
        },
        _ => failure,
    })
}

async fn work(door: &Door, task: &LookupTask, asked: &[Asked]) -> Result<Status, Failure> {
    if task.dry_run {
        let forecasts = job::forecast(door, task, asked).await?;
        output::print_forecast(task.format, &forecasts)?;
        return Ok(Status::Fine);
    }
    let mut output = Output::new(task, asked);
    if let (Some(related), [only]) = (&task.related, asked) {
        documents::print_related(door, task, related, (only, &output)).await?;
        return Ok(Status::Fine);
    }
    let mut worst = Status::default();
    let mut found: Vec<(usize, Box<CliRow>)> = Vec::new();
    let progress = Progress::of(asked.len());
    let tell = |event| match event {
        JobEvent::Waiting(seconds) => {
            progress.wait(seconds);
            Ok(())
        }
        JobEvent::Row(place, row) => {
            progress.advance();
            worst = worst.max(row.status());
            if output.is_documents() && row.has_report() {
                found.push((place, row));
                return Ok(());
            }
            progress.suspend(|| output.add(place, row))
        }
    };
    let summary = job::run(door, task, asked, tell).await?;
    drop(progress);
    output.finish(&summary)?;
    if !summary.complete {
        worst = worst.max(Status::of_end(summary.ended.as_deref().unwrap_or_default()));
    }
    found.sort_by_key(|(place, _)| *place);
    for (place, row) in &found {
        if let Some(asked) = asked.get(*place) {
            documents::print_report(door, task, &output, (asked, row)).await?;
        }
    }
    Ok(worst)
}
