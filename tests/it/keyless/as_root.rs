//! Tests that run programs as other users, which only root can do.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::Command,
};

use super::{SERVERS, with_key};
use crate::harness::{BareNginx, EICAR, Folder, Process, Upstream, client, file, send, vt4ai};

const NOBODY: u32 = 65_534;
const DAEMON: u32 = 1;

/// Fails, with the reason, unless root runs the tests.
fn assert_root() {
    let user = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(user, 0, "this test needs root");
}

/// Runs curl as another user and returns status and body; fails without curl.
fn curl_as(user: u32, url: &str) -> (u16, String) {
    let mut command = Command::new("curl");
    let command = command.uid(user).gid(user).current_dir("/").env_clear();
    let arguments = [
        "--silent",
        "--max-time",
        "20",
        "--write-out",
        "\n%{http_code}",
        url,
    ];
    let output = command.args(arguments).output();
    let output = output.expect("this test needs curl on the PATH");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and curl: run with --include-ignored"]
async fn another_user_is_not_local() {
    assert_root();
    let (upstream, gateway) = with_key(&[]).await;
    for path in [file(EICAR), "/metrics".to_owned()] {
        let url = format!("http://{}{path}", gateway.address);
        let (status, body) = curl_as(NOBODY, &url);
        assert_eq!(status, 401, "{body}");
        assert!(body.contains("another user (uid 65534)"), "{body}");
    }
    assert_eq!(upstream.count(), 0);
    let (_upstream, gateway) = with_key(&["--allow-anonymous"]).await;
    let url = format!("http://{}{}", gateway.address, file(EICAR));
    assert_eq!(curl_as(NOBODY, &url).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and curl: run with --include-ignored"]
async fn root_and_the_own_user_are_local_to_an_unprivileged_gateway() {
    assert_root();
    let (upstream, folder) = (Upstream::demo().await, Folder::new());
    let mut command = vt4ai(&folder, &["--upstream-url", &upstream.url]);
    let command = command
        .env("VT4AI_API_KEY", SERVERS)
        .uid(NOBODY)
        .gid(NOBODY);
    let process = Process::start(command);
    let url = format!("http://{}{}", process.address, file(EICAR));
    for (user, status) in [(0, 200), (NOBODY, 200), (DAEMON, 401)] {
        assert_eq!(curl_as(user, &url).0, status, "{user}");
    }
    assert_eq!(send(client().get(&url)).await.status, 200);
}

/// The workers of nginx run as another user if root has started it.
#[tokio::test]
#[ignore = "needs root and nginx: run with --include-ignored"]
async fn nginx_with_http_1_1_is_not_local() {
    assert_root();
    let (upstream, gateway) = with_key(&[]).await;
    let more = "proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                proxy_set_header Host localhost;";
    let nginx = BareNginx::before(gateway.address, more);
    for path in [file(EICAR), "/metrics".to_owned()] {
        let reply = send(client().get(nginx.url(&path))).await;
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(
            reply.detail().contains("another user"),
            "{}",
            reply.detail()
        );
    }
    assert_eq!(upstream.count(), 0);
}
