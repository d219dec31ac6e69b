//! The audit log: a file with one JSON object for each request under the API.
//!
//! Requests hand their records to a bounded channel and never wait for the disk. One thread writes
//! them. A record that finds the channel full, or that can't be written, is counted and lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde::Serialize;
use time::OffsetDateTime;
use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::{info, warn};

use super::{Repeated, lines::timestamp};
use crate::metrics::Metrics;

/// The number of records that may wait for the disk.
const MAX_WAITING: usize = 1024;

/// The number of records that are written with one system call at most.
const BATCH: usize = 64;

/// The time that one of many records waits for room in the channel.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The access rights of a new file: it holds what its owner's users asked about.
const MODE: u32 = 0o600;

/// A handle to the audit log. The thread that writes ends once all handles are dropped.
#[derive(Clone, Debug)]
pub struct AuditLog {
    entries: mpsc::Sender<Entry>,
    losses: Losses,
}

/// One request, as the file shows it. The names are OpenTelemetry's where it has one.
#[derive(Debug, Serialize)]
pub struct AuditRecord<'a> {
    /// The client whose token the request had.
    #[serde(rename = "client.name", skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// The address of the caller.
    #[serde(rename = "client.address")]
    pub address: IpAddr,
    /// The request id, which the response and the log have, too.
    #[serde(rename = "http.request.id")]
    pub id: &'a str,
    /// The method.
    #[serde(rename = "http.request.method")]
    pub method: &'a str,
    /// The route's pattern.
    #[serde(rename = "http.route")]
    pub route: &'a str,
    /// The kind of object that was asked about: `file`, `url`, `domain`, `ip`, `analysis`, `search`.
    #[serde(rename = "indicator.type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// The object that was asked about.
    #[serde(rename = "indicator.value", skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a str>,
    /// The status of the response.
    #[serde(rename = "http.response.status_code")]
    pub status: u16,
    /// The error code that the caller got.
    #[serde(rename = "error.type", skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// The origin of a cacheable answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'a str>,
    /// The units of quota that the request spent.
    #[serde(rename = "quota.units")]
    pub units: u64,
}

/// A record with its time.
#[derive(Serialize)]
struct Timed<'a> {
    timestamp: &'a str,
    #[serde(flatten)]
    record: &'a AuditRecord<'a>,
}

/// An entry of the channel.
#[derive(Debug)]
enum Entry {
    /// A line with its line break.
    Line(Vec<u8>),
    /// The file was moved away: open it anew.
    Reopen,
}

/// The counter of lost records, and the throttle of the warning about them.
#[derive(Clone, Debug)]
struct Losses {
    metrics: Arc<Metrics>,
    warnings: Arc<Mutex<Repeated>>,
}

/// The end of the channel that writes to the file. Its work blocks.
#[derive(Debug)]
struct AuditWriter {
    path: PathBuf,
    file: File,
    entries: mpsc::Receiver<Entry>,
    losses: Losses,
    /// Whether the last write failed, so that the file may end within a line.
    is_cut_off: bool,
}

impl AuditLog {
    /// Checks whether the file can be opened. Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be opened or is not a regular file.
    pub fn check(path: &Path) -> io::Result<()> {
        open(path).map(drop)
    }

    /// Opens the file, which is created with mode 0600 if it does not exist, and starts to write.
    ///
    /// The receiver fails once all handles are dropped and all records are written.
    ///
    /// # Errors
    ///
    /// Fails if the file can't be opened or is not a regular file.
    pub fn start(
        path: PathBuf,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (log, writer) = Self::open(path, metrics)?;
        let (done, written) = oneshot::channel();
        // A thread of its own: the runtime would wait at its end for a disk that never replies.
        let thread = thread::Builder::new().name("audit".to_owned());
        thread.spawn(move || {
            writer.run();
            drop(done);
        })?;
        Ok((log, written))
    }

    fn open(path: PathBuf, metrics: Arc<Metrics>) -> io::Result<(Self, AuditWriter)> {
        let file = open(&path)?;
        let (sender, entries) = mpsc::channel(MAX_WAITING);
        let losses = Losses {
            metrics,
            warnings: Arc::default(),
        };
        let writer = AuditWriter {
            path,
            file,
            entries,
            losses: losses.clone(),
            is_cut_off: false,
        };
        let log = Self {
            entries: sender,
            losses,
        };
        Ok((log, writer))
    }

    /// Hands a record to the writer, and never waits.
    pub fn record(&self, record: &AuditRecord<'_>) {
        if let Some(line) = line_of(record)
            && self.entries.try_send(Entry::Line(line)).is_err()
        {
            self.losses.note(1, "the disk is too slow");
        }
    }

    /// Hands one of many records to the writer, and waits a short time for room. Returns whether there
    /// was room; else the record is lost.
    pub async fn record_waiting(&self, record: &AuditRecord<'_>) -> bool {
        let Some(line) = line_of(record) else {
            return true;
        };
        let sent = timeout(LONGEST_WAIT, self.entries.send(Entry::Line(line))).await;
        let has_room = matches!(sent, Ok(Ok(())));
        if !has_room {
            self.losses.note(1, "the disk is too slow");
        }
        has_room
    }

    /// Has the file opened anew at each `SIGHUP`, as logrotate expects after moving it away.
    pub async fn reopen_at(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            if self.entries.send(Entry::Reopen).await.is_err() {
                return;
            }
        }
    }
}

/// Returns the line of a record, with the time and a line break.
fn line_of(record: &AuditRecord<'_>) -> Option<Vec<u8>> {
    let now = timestamp(OffsetDateTime::now_utc());
    let timed = Timed {
        timestamp: str::from_utf8(&now).unwrap_or_default(),
        record,
    };
    // Serialization fails only for values that these types don't have.
    let mut line = serde_json::to_vec(&timed).ok()?;
    line.push(b'\n');
    Some(line)
}

impl AuditWriter {
    /// Writes until all handles are dropped.
    fn run(mut self) {
        let (mut batch, mut lines) = (Vec::new(), Vec::new());
        while self.entries.blocking_recv_many(&mut batch, BATCH) > 0 {
            let mut count = 0;
            for entry in batch.drain(..) {
                match entry {
                    Entry::Line(line) => {
                        lines.extend_from_slice(&line);
                        count += 1;
                    }
                    Entry::Reopen => {
                        // What was recorded before belongs to the file that was moved away.
                        self.write(&mut lines, std::mem::take(&mut count));
                        self.reopen();
                    }
                }
            }
            self.write(&mut lines, count);
        }
    }

    fn write(&mut self, lines: &mut Vec<u8>, count: u64) {
        if self.is_cut_off && !lines.is_empty() {
            // Ends the line of which a failed write left a part.
            lines.insert(0, b'\n');
        }
        match self.file.write_all(lines) {
            Ok(()) => self.is_cut_off &= lines.is_empty(),
            Err(error) => {
                self.is_cut_off = true;
                self.losses.note(count, &error.to_string());
            }
        }
        lines.clear();
    }

    fn reopen(&mut self) {
        match open(&self.path) {
            Ok(file) => {
                self.file = file;
                self.is_cut_off = false;
                info!("audit log reopened");
            }
            Err(error) => warn!(
                error.message = %error,
                "audit log not reopened, the previous file stays in use"
            ),
        }
    }
}

impl Losses {
    /// Counts lost records. They are warned about once a minute at most.
    fn note(&self, count: u64, why: &str) {
        self.metrics.lost_audit_records(count);
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repeated) = warnings.note() {
            warn!(error.message = why, repeated, "audit records lost");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // To open a pipe would block until it has a reader.
    if let Ok(found) = fs::metadata(path)
        && !found.is_file()
    {
        return Err(io::Error::other("not a regular file"));
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::{env, net::Ipv4Addr, os::unix::fs::PermissionsExt as _};

    use serde_json::Value;

    use super::*;
    use crate::metrics::Snapshot;

    const RECORD: AuditRecord<'static> = AuditRecord {
        client: Some("alice"),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        id: "the-id",
        method: "GET",
        route: "/api/v1/domains/{domain}",
        kind: Some("domain"),
        value: Some("a\n\"b\""),
        status: 200,
        error: None,
        cache: None,
        units: 1,
    };

    fn place() -> PathBuf {
        env::temp_dir().join(format!("vt4ai-audit-{:032x}", fastrand::u128(..)))
    }

    #[test]
    fn records_are_lines_of_a_file_for_its_owner() {
        let (path, metrics) = (place(), Arc::new(Metrics::new()));
        let (log, writer) = AuditLog::open(path.clone(), metrics).unwrap();
        log.record(&RECORD);
        let moved = path.with_extension("1");
        fs::rename(&path, &moved).unwrap();
        log.entries.try_send(Entry::Reopen).unwrap();
        log.record(&AuditRecord { units: 0, ..RECORD });
        drop(log);
        writer.run();
        for (file, units) in [(moved, 1), (path, 0)] {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            let record: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(record["quota.units"], units);
            assert_eq!(record["indicator.value"], "a\n\"b\"");
            assert_eq!(record["client.address"], "127.0.0.1");
            assert!(record.get("cache").is_none(), "{record}");
            fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn records_beyond_the_channel_are_counted() {
        let (path, metrics) = (place(), Arc::new(Metrics::new()));
        let (log, writer) = AuditLog::open(path.clone(), Arc::clone(&metrics)).unwrap();
        for _ in 0..MAX_WAITING + 3 {
            log.record(&RECORD);
        }
        let text = metrics.render(Snapshot::default());
        assert!(
            text.contains("vt4ai_audit_lost_records_total 3\n"),
            "{text}"
        );
        drop(log);
        writer.run();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), MAX_WAITING);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let opened = AuditLog::open("/dev/full".into(), Arc::new(Metrics::new()));
        assert!(opened.is_err());
    }
}
