//! `vt4ai mcp`: the entrance for models on standard input and output (`docs/mcp.md`).
//!
//! Each line is a message. It is sent to the endpoint that HTTP clients use, in the process or of a
//! gateway elsewhere, and its answer is written as one line, events of a stream each as one. Nothing
//! else is written to standard output; the log is on standard error.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write as _},
    process::ExitCode,
    thread,
    time::Duration,
};

use tokio::{
    select, signal,
    signal::unix::{self, SignalKind},
    sync::mpsc,
    task::{AbortHandle, Id, JoinSet},
    time::timeout,
};

use self::answer::answer;
use super::{door::Door, failure::Failure};
use crate::{
    app::runtime,
    config::{Config, RemoteTask},
    mcp::{Post, StdioLine},
    telemetry::{self, traces},
};

mod answer;

/// The largest message, as at the endpoint.
const MAX_LINE: usize = 64 * 1024;

/// The number of requests at a time. Further ones wait in the pipe.
const MAX_CALLS: usize = 64;

/// The number of lines between the threads that read and write and the rest.
const QUEUE: usize = 64;

/// The time that running calls get once the input has ended.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// The time that the last answers get to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The longest silence of a gateway elsewhere: a call may wait for five minutes.
const SILENCE: Duration = Duration::from_mins(6);

/// The advice where a gateway elsewhere does not answer. The one in the process always does.
const CHECK: &str = "check that the gateway runs and that `--gateway` (VT4AI_GATEWAY) is its address, \
    then call again";

/// A line of the input; `None` in place of one that is too long.
type Input = Option<Vec<u8>>;

/// The calls that run, and where their answers go.
struct Calls {
    door: Door,
    tasks: JoinSet<()>,
    /// The tasks by the id of their request, for cancellations.
    by_id: HashMap<String, AbortHandle>,
    /// The ids of requests by their tasks.
    ids: HashMap<Id, String>,
    out: mpsc::Sender<String>,
}

/// Serves models on standard input and output until the input ends.
///
/// # Errors
///
/// Fails if the system starts no threads.
pub fn serve_mcp(gateway: Option<&RemoteTask>, config: Config) -> io::Result<ExitCode> {
    let runtime = runtime::start(&config.server)?;
    telemetry::start(&config.log, config.collector.as_ref(), runtime.handle());
    let (lines, input) = mpsc::channel(QUEUE);
    let (out, answers) = mpsc::channel(QUEUE);
    // Threads of their own, since a read of standard input can't be ended.
    thread::Builder::new().spawn(move || read_lines(BufReader::new(io::stdin()), &lines))?;
    let (written, all_written) = std::sync::mpsc::channel();
    thread::Builder::new().spawn(move || {
        write_lines(answers);
        let _ = written.send(());
    })?;
    let done = runtime.block_on(serve(gateway, config, input, out));
    // A client that reads no more does not keep the process.
    let _ = all_written.recv_timeout(LAST_LINES);
    traces::finish();
    runtime.shutdown_background();
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.status.code().into()
        }
    })
}

async fn serve(
    gateway: Option<&RemoteTask>,
    config: Config,
    input: mpsc::Receiver<Input>,
    out: mpsc::Sender<String>,
) -> Result<(), Failure> {
    let mut calls = Calls {
        door: Door::open(gateway, config, SILENCE).await?,
        tasks: JoinSet::new(),
        by_id: HashMap::new(),
        ids: HashMap::new(),
        out,
    };
    let mut term = unix::signal(SignalKind::terminate())
        .map_err(|error| Failure::unavailable(format!("signals can't be received: {error}")))?;
    let has_ended = select! {
        has_ended = calls.run(input) => has_ended,
        _ = term.recv() => false,
        _ = signal::ctrl_c() => false,
    };
    if has_ended {
        let _ = timeout(LAST_CALLS, calls.finish()).await;
    }
    let Calls { door, tasks, .. } = calls;
    drop(tasks);
    door.close().await;
    Ok(())
}

impl Calls {
    /// Answers lines until the input ends, or returns `false` once the output is closed.
    async fn run(&mut self, mut input: mpsc::Receiver<Input>) -> bool {
        let out = self.out.clone();
        loop {
            let has_room = self.tasks.len() < MAX_CALLS;
            let line = select! {
                line = input.recv(), if has_room => line,
                Some(done) = self.tasks.join_next_with_id() => {
                    self.forget(done.map_or_else(|error| error.id(), |(id, ())| id));
                    continue;
                }
                () = out.closed() => return false,
            };
            match line {
                Some(line) => self.take(line).await,
                None => return true,
            }
        }
    }

    async fn take(&mut self, line: Input) {
        let Some(line) = line else {
            let _ = self.out.send(StdioLine::too_long(MAX_LINE)).await;
            return;
        };
        if line.trim_ascii().is_empty() {
            return;
        }
        match StdioLine::read(&line) {
            StdioLine::Request(post) => self.start(post),
            StdioLine::Cancel(id) => {
                if let Some(task) = self.by_id.remove(&id) {
                    task.abort();
                }
            }
            StdioLine::Silent => {}
            StdioLine::Unreadable(answer) => drop(self.out.send(answer).await),
        }
    }

    fn start(&mut self, post: Box<Post>) {
        let id = post.id.clone();
        let (door, out) = (self.door.clone(), self.out.clone());
        let task = self.tasks.spawn(async move {
            if let Err(failure) = answer(&door, &post, &out).await {
                let why = door.without_token(failure.message);
                let _ = out.send(post.failed(format!("{why}; {CHECK}"))).await;
            }
        });
        self.ids.insert(task.id(), id.clone());
        self.by_id.insert(id, task);
    }

    fn forget(&mut self, task: Id) {
        if let Some(id) = self.ids.remove(&task)
            && self.by_id.get(&id).is_some_and(|other| other.id() == task)
        {
            self.by_id.remove(&id);
        }
    }

    async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Reads lines until the input ends or nothing takes them.
fn read_lines(mut input: impl BufRead, lines: &mpsc::Sender<Input>) {
    loop {
        let Ok(Some(line)) = read_line(&mut input) else {
            return;
        };
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Reads a line; `None` at the end of the input. What is too long is skipped.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Input>> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            let is_end = length == 0;
            return Ok((!is_end).then_some((length <= MAX_LINE).then_some(line)));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let piece = end.map_or(available, |end| available.split_at(end).0);
        length += piece.len();
        if length <= MAX_LINE {
            line.extend_from_slice(piece);
        }
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some((length <= MAX_LINE).then_some(line)));
        }
    }
}

/// Writes lines until there are no more or standard output is closed.
fn write_lines(mut lines: mpsc::Receiver<String>) {
    let mut out = io::stdout();
    while let Some(mut line) = lines.blocking_recv() {
        line.push('\n');
        if out
            .write_all(line.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_skipped_and_the_last_may_lack_its_end() {
        let mut input = b"first\n".to_vec();
        input.extend(vec![b'x'; MAX_LINE + 1]);
        input.extend(b"\n\r\nlast");
        let mut input = BufReader::with_capacity(100, &input[..]);
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            lines.push(line);
        }
        let expected = [
            Some(b"first".to_vec()),
            None,
            Some(b"\r".to_vec()),
            Some(b"last".to_vec()),
        ];
        assert_eq!(lines, expected);
    }
}
