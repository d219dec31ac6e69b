//! The output of a job: its rows in the order given, as they are finished.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_seconds};
use serde_json::{Map, Value, json};

use super::{
    failure::{Failure, say},
    row::CliRow,
    source::GivenIndicator,
    table::{Table, printable},
};
use crate::{
    config::{LookupFormat, LookupTask},
    http::bulk::{Ended, Summary},
    render::rows::{TABLE_HEAD, csv_header},
};

/// The most seconds that a forecast may have: a century.
const MOST_SECONDS: u64 = 100 * 366 * 24 * 3600;

/// The form of the output.
#[derive(Debug)]
enum Form {
    Table(Table),
    Json,
    Csv,
    Markdown,
    /// The ids alone.
    Ids,
    /// Reports in full, which are printed later.
    Documents,
}

/// The output of a job.
#[derive(Debug)]
pub(super) struct Output {
    form: Form,
    /// Whether standard output is a terminal.
    is_terminal: bool,
    /// The rows that wait for one before them.
    waiting: BTreeMap<usize, Box<CliRow>>,
    /// The place of the next row.
    next: usize,
    /// Whether anything was printed.
    has_begun: bool,
}

impl Output {
    /// Returns the output of these indicators.
    pub(super) fn new(task: &LookupTask, asked: &[GivenIndicator]) -> Self {
        let is_terminal = console::user_attended();
        let form = match task.format {
            _ if task.ids_only => Form::Ids,
            _ if shows_documents(task, asked) => Form::Documents,
            LookupFormat::Table => {
                let width = is_terminal.then(|| usize::from(console::Term::stdout().size().1));
                let choice = anstream::AutoStream::choice(&io::stdout());
                let has_colours = choice != anstream::ColorChoice::Never;
                Form::Table(Table::new(asked, width, has_colours))
            }
            LookupFormat::Csv => Form::Csv,
            LookupFormat::Json => Form::Json,
            _ => Form::Markdown,
        };
        Self {
            form,
            is_terminal,
            waiting: BTreeMap::new(),
            next: 0,
            has_begun: false,
        }
    }

    /// Whether reports are printed in full, in place of rows.
    pub(super) fn is_documents(&self) -> bool {
        matches!(self.form, Form::Documents)
    }

    /// Adds a row, and prints those that no earlier one is missing before.
    pub(super) fn add(&mut self, place: usize, row: Box<CliRow>) -> Result<(), Failure> {
        self.waiting.insert(place, row);
        while let Some(row) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.print_row(&row)?;
        }
        Ok(())
    }

    /// Prints what is left, and how the job ended. `is_kept` says whether what was found is kept for
    /// the next command.
    pub(super) fn finish(&mut self, summary: &Summary, is_kept: bool) -> Result<(), Failure> {
        for (_, row) in std::mem::take(&mut self.waiting) {
            self.next += 1;
            self.print_row(&row)?;
        }
        self.begin()?;
        if matches!(self.form, Form::Json) {
            let end = json!({"summary": summary});
            self.print(&format!("\n],\"meta\":{end}}}\n"))?;
        }
        if matches!(self.form, Form::Table(_)) && summary.rows > 1 && summary.complete {
            say(&format!(
                "{} rows, {} different: {} lookups, {} from the cache, {} not asked",
                summary.rows, summary.unique, summary.units, summary.cached, summary.local
            ));
        }
        if !summary.remaining.is_empty() {
            let (count, why) = (summary.remaining.len(), why(summary.ended));
            let next = if is_kept {
                "the same command goes on from here"
            } else {
                "with `VT4AI_CACHE_DIR` set, the same command would go on from here"
            };
            say(&format!("{count} remain: {why}; {next}"));
        }
        Ok(())
    }

    fn print_row(&mut self, row: &CliRow) -> Result<(), Failure> {
        self.begin()?;
        match &self.form {
            Form::Table(table) => {
                let line = table.row(row);
                write(line.as_bytes())
            }
            Form::Csv => self.print(&String::from_utf8_lossy(&row.text().to_csv())),
            Form::Markdown => self.print(&row.text().to_markdown()),
            Form::Json => {
                let comma = if self.next > 1 { ",\n" } else { "\n" };
                let json = serde_json::to_string(row.json()).unwrap_or_default();
                self.print(&format!("{comma}{json}"))
            }
            Form::Ids if let Some(id) = row.id() => self.print(&format!("{id}\n")),
            Form::Ids | Form::Documents => {
                report_row(row);
                Ok(())
            }
        }
    }

    /// Prints what stands before the first row.
    fn begin(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        match &self.form {
            Form::Table(table) => {
                let head = table.head();
                write(head.as_bytes())
            }
            Form::Csv => write(&csv_header()),
            Form::Markdown => self.print(TABLE_HEAD),
            Form::Json => self.print("{\"data\":["),
            Form::Ids | Form::Documents => Ok(()),
        }
    }

    /// Prints a text of strangers. On a terminal, its control characters are replaced.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        if !self.is_terminal {
            return write(text.as_bytes());
        }
        let lines: Vec<_> = text.split('\n').map(printable).collect();
        write(lines.join("\n").as_bytes())
    }
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::of_output(&error))
}

fn why(ended: Option<Ended>) -> &'static str {
    match ended {
        Some(Ended::Quota) => "the quota is used up, and `--wait` waits for more",
        Some(Ended::MaxUnits) => "`--max-units` is spent",
        Some(ended) => ended.words(),
        None => "the gateway broke off",
    }
}

/// Whether each report is printed in full: one that was named by itself, or a format that has no rows.
pub(super) fn shows_documents(task: &LookupTask, asked: &[GivenIndicator]) -> bool {
    let is_one = matches!(asked, [only] if only.is_named);
    match task.format {
        LookupFormat::Table | LookupFormat::Csv => false,
        LookupFormat::Json => is_one,
        LookupFormat::Markdown => {
            is_one || task.view.is_some() || task.fields.is_some() || task.template.is_some()
        }
        LookupFormat::Xml
        | LookupFormat::Raw
        | LookupFormat::Ecs
        | LookupFormat::Stix
        | LookupFormat::Misp => true,
    }
}

/// Says on standard error why there is no report.
pub(super) fn report_row(row: &CliRow) {
    let text = row.text();
    let (_, reason) = text.outcome();
    say(&format!("{}: {reason}", row.given));
}

/// Returns the forecast of all requests, as text or as JSON.
pub(super) fn forecast(format: LookupFormat, forecasts: &[Value]) -> String {
    if let (true, [only]) = (format != LookupFormat::Table, forecasts) {
        return format!("{}\n", json!({"summary": only}));
    }
    let number = |name: &str| -> u64 {
        let numbers = forecasts.iter().filter_map(|it| it.get(name)?.as_u64());
        numbers.fold(0, u64::saturating_add)
    };
    // Requests follow one another.
    let is_possible = forecasts.iter().all(|it| it["seconds"].is_u64());
    let seconds = is_possible.then(|| Duration::from_secs(number("seconds").min(MOST_SECONDS)));
    let end =
        seconds.map(|seconds| format_rfc3339_seconds(SystemTime::now() + seconds).to_string());
    if format != LookupFormat::Table {
        let names = ["rows", "unique", "kept", "local", "units"];
        let mut summary: Map<_, _> = names
            .into_iter()
            .map(|name| (name.to_owned(), number(name).into()))
            .collect();
        let seconds = seconds.map(|seconds| seconds.as_secs());
        summary.insert("seconds".to_owned(), seconds.into());
        summary.insert("done_at".to_owned(), end.into());
        return format!("{}\n", json!({"summary": summary}));
    }
    let time = match (seconds, end) {
        (Some(seconds), Some(end)) => format!("done in {}, at {end}", format_duration(seconds)),
        _ => "never done with this allowance".to_owned(),
    };
    format!(
        "{} rows, {} different: {} kept, {} not asked, {} lookups, {time}\n",
        number("rows"),
        number("unique"),
        number("kept"),
        number("local"),
        number("units"),
    )
}
