//! Tests that bound the memory which a client can make the gateway hold.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::harness::{
    EICAR, Event, Folder, Http2, KEY, Process, Upstream, connect_from, file, ok, vt4ai,
};

const BUNDLE: &str = "/docs/swagger-ui-bundle.js";
const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const MOST: u64 = 200 * 1024 * 1024;

/// Returns the memory of a process in bytes.
fn memory(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Asserts that another address is answered meanwhile.
async fn is_served(process: &Process) {
    for _ in 0..20 {
        let address = process.address.parse().unwrap();
        let mut stream = connect_from([127, 0, 0, 2], address).await;
        stream.write_all(ASK).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        read.await.unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
}

/// Returns a list of 2.3 MB, as VirusTotal gives it.
fn list() -> String {
    let text = "x".repeat(22_000);
    let items: Vec<_> = (0..100)
        .map(|at| {
            format!(
                r#"{{"id": "{at}", "type": "comment", "attributes": {{"text": "{text}{at}"}}}}"#
            )
        })
        .collect();
    format!(r#"{{"data": [{}]}}"#, items.join(","))
}

#[tokio::test]
async fn unread_large_answers_are_bounded_per_address() {
    let list = list();
    let upstream = Upstream::always(ok(&list)).await;
    let folder = Folder::new();
    let mut command = vt4ai(&folder, &["--client-rate-per-minute", "0"]);
    command.env("VT4AI_UPSTREAM_URL", &upstream.url);
    let process = Process::start(&mut command);
    let address = process.address.parse().unwrap();
    let path = format!("{}/comments?limit=40&format=raw", file(EICAR));
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = Http2::connect([127, 0, 0, 1], address, 1).await;
        for _ in 0..40 {
            client.ask(&path, &[("x-api-key", KEY)]).await;
        }
        held.push(client);
    }
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        is_served(&process).await;
        let memory = memory(&process);
        assert!(memory < MOST, "{memory} bytes");
    }
}

#[tokio::test]
async fn a_static_file_is_in_memory_once_for_many_streams() {
    let folder = Folder::new();
    let arguments = ["--demo", "--client-rate-per-minute", "0"];
    let process = Process::start(&mut vt4ai(&folder, &arguments));
    let address = process.address.parse().unwrap();
    let mut held = Vec::new();
    for at in 0..20 {
        let mut client = Http2::connect([127, 0, 0, 1], address, 1).await;
        for _ in 0..100 {
            let headers: &[_] = if at % 2 == 0 {
                &[("accept-encoding", "gzip")]
            } else {
                &[]
            };
            client.ask(BUNDLE, headers).await;
        }
        held.push(client);
    }
    for client in &mut held {
        let event = timeout(Duration::from_secs(10), client.event()).await;
        assert!(matches!(event.unwrap(), Event::Head { .. }));
    }
    is_served(&process).await;
    let memory = memory(&process);
    assert!(memory < MOST, "{memory} bytes");
}
