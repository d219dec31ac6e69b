//! The built binary, run in a folder of its own with an empty environment.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The time that the binary may take for its next step; only a broken one takes long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that exists for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("vt4ai-it-{:032x}", fastrand::u128(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Adds a file to the folder.
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        self.put(name, text);
        self
    }

    /// Writes a file into the folder atomically.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let new = self.0.join(format!(".{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.join(name)).unwrap();
    }

    /// Returns the path of the file with this name, which need not exist.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns a command that runs the binary in this folder.
pub(crate) fn vt4ai(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vt4ai"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null());
    command
}

/// Runs the binary to its end and returns its exit status, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The output of a process so far, and a way to wait for more.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

/// The binary while it serves; it ends when dropped.
pub(crate) struct Process {
    /// The host and port that the binary listens on.
    pub(crate) address: String,
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts the binary on a free port and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.env("VT4AI_PORT", "0").env("NO_COLOR", "1");
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Log::default());
        let (written, (listens, listening)) = (Arc::clone(&log), mpsc::channel());
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written.text.lock().unwrap().extend([&line, "\n"]);
                written.grown.notify_all();
                if let Some((_, rest)) = line.split_once("listening on http://") {
                    let _ = listens.send(rest.split(',').next().unwrap_or_default().to_owned());
                }
            }
        });
        let address = listening.recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("{}", log.text.lock().unwrap()));
        Self {
            address,
            child,
            log,
            reader: Some(reader),
        }
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal, such as `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits until the process ends by itself and returns its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }

    /// Waits until the log contains this text so many times.
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        let (log, missing) = (self.log.text.lock().unwrap(), |log: &mut String| {
            log.matches(text).count() < times
        });
        let waited = self.log.grown.wait_timeout_while(log, PATIENCE, missing);
        let (log, waited) = waited.unwrap();
        assert!(!waited.timed_out(), "{text}: {log}");
    }

    /// Stops the process and returns its standard error.
    pub(crate) fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.log.text.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal, such as `-HUP`.
pub(crate) fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status().unwrap();
    assert!(sent.success());
}

/// Returns an address that nothing listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits until the server that was started at this address listens.
pub(crate) fn until_listening(server: &str, address: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < PATIENCE, "{server} does not listen");
        thread::yield_now();
    }
}
