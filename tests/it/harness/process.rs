//! The built binary, run with a folder of its own and no environment but the given one.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long the binary may take to say where it listens; only a broken one takes long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that is there for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("vt4ai-it-{:032x}", fastrand::u128(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The same with one more file in it.
    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.0.join(name), text).unwrap();
        self
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

/// The binary, to be run in this folder.
pub(crate) fn vt4ai(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vt4ai"));
    command
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null());
    command
}

/// Runs the binary to its end: exit status, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The binary while it serves; it ends when dropped.
pub(crate) struct Process {
    /// Where it listens: host and port.
    pub(crate) address: String,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.env("VT4AI_PORT", "0").env("NO_COLOR", "1");
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (written, (listens, listening)) = (Arc::clone(&log), mpsc::channel());
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written.lock().unwrap().extend([&line, "\n"]);
                if let Some((_, rest)) = line.split_once("listening on http://") {
                    let _ = listens.send(rest.split(',').next().unwrap_or_default().to_owned());
                }
            }
        });
        let address = listening.recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("{}", log.lock().unwrap()));
        Self {
            address,
            child,
            log,
            reader: Some(reader),
        }
    }

    /// The process id, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has written this to standard error.
    pub(crate) fn until_logged(&self, text: &str) {
        let started = Instant::now();
        while !self.log.lock().unwrap().contains(text) {
            assert!(started.elapsed() < PATIENCE, "{}", self.log.lock().unwrap());
            thread::yield_now();
        }
    }

    /// Waits until it ends by itself; its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "{}", self.log.lock().unwrap());
            thread::yield_now();
        }
    }

    /// Stops it, and gives all that it has written to standard error.
    pub(crate) fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
