//! `deploy/nginx.conf` in a real nginx: what it passes on, and what it leaves alone.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::harness::{
    EICAR, Folder, Gateway, KEY, Reply, Upstream, client, file, free_address, ok, send,
    until_listening,
};

/// nginx with the shipped configuration, but for its port, its paths and where the gateway is.
struct Nginx {
    address: SocketAddr,
    process: Child,
    _folder: Folder,
}

impl Nginx {
    /// In front of this address; `None` where no nginx is installed.
    fn before(gateway: &str) -> Option<Self> {
        let shipped = include_str!("../../deploy/nginx.conf");
        let folder = Folder::new();
        let path = folder.path().display().to_string();
        // nginx can't say which free port it took, so one is found for it.
        let address = free_address();
        let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!(" {kind}_temp_path {path}/{kind};"))
            .concat();
        let own = shipped
            .replace("user www-data;", if is_root() { "user root;" } else { "" })
            .replace("/run/nginx.pid", &format!("{path}/pid"))
            .replace("/var/log/nginx/", &format!("{path}/"))
            .replace("listen 80;", &format!("listen {address};"))
            .replace("127.0.0.1:8000", gateway)
            .replace("http {\n", &format!("http {{{scratch}\n"));
        assert!(!own.contains("127.0.0.1:8000") && !own.contains("/var/log"));
        let configuration = folder.path().join("nginx.conf");
        fs::write(&configuration, own).unwrap();
        let log = folder.path().join("error.log");
        let process = Command::new("nginx")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
            )
            .arg("-e")
            .arg(log)
            .arg("-c")
            .arg(configuration)
            .args(["-g", "daemon off;"])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let nginx = Self {
            address,
            process,
            _folder: folder,
        };
        until_listening("nginx", address);
        Some(nginx)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = client().get(format!("http://{}{path}", self.address));
        send(
            headers
                .iter()
                .fold(request, |it, (name, value)| it.header(*name, *value)),
        )
        .await
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master's own way to stop: its workers go with it.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn host_of(url: &str) -> &str {
    url.trim_start_matches("http://")
}

macro_rules! nginx_or_skip {
    ($gateway:expr) => {
        match Nginx::before($gateway) {
            Some(nginx) => nginx,
            None => return eprintln!("skipped: nginx is not installed"),
        }
    };
}

#[tokio::test]
async fn it_keeps_host_request_id_and_client_address() {
    let gateway = Upstream::always(ok("{}")).await;
    let nginx = nginx_or_skip!(host_of(&gateway.url));
    let headers = [
        ("x-request-id", "the-callers-own"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-api-key", KEY),
    ];
    nginx.get("/api/v1/urls/a%2Fb?cursor=x%26y", &headers).await;
    nginx.get("/livez", &[]).await;
    let calls = gateway.calls();
    let host = nginx.address.to_string();
    assert_eq!(calls[0].target, "/api/v1/urls/a%2Fb?cursor=x%26y");
    assert_eq!(calls[0].header("host"), Some(host.as_str()));
    assert_eq!(calls[0].header("x-request-id"), Some("the-callers-own"));
    assert_eq!(calls[0].header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(calls[0].header("x-forwarded-proto"), Some("http"));
    assert_eq!(calls[0].header("x-api-key"), Some(KEY));
    assert_eq!(calls[1].header("x-request-id").map(str::len), Some(32));
}

#[tokio::test]
async fn a_proxied_caller_spends_its_own_key_only() {
    let upstream = Upstream::demo().await;
    let gateway = Gateway::before(&upstream, &["--api-key", "the-servers"]).await;
    let nginx = nginx_or_skip!(&gateway.address.to_string());
    assert_eq!(nginx.get(&file(EICAR), &[]).await.status, 401);
    let reply = nginx
        .get(
            &file(EICAR),
            &[("x-api-key", KEY), ("x-request-id", "mine")],
        )
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-request-id"), Some("mine"));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn its_own_errors_have_the_gateways_shape() {
    let nowhere = free_address();
    let nginx = nginx_or_skip!(&nowhere.to_string());
    let reply = nginx.get(&file(EICAR), &[]).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (502, "BadGatewayError")
    );
    assert!(!reply.detail().is_empty());
}
