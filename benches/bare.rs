//! A bare axum server to compare the gateway with: the same work, and none of what the gateway does beside it.
//!
//! `bare PORT UPSTREAM FILE` listens on 127.0.0.1 with one worker until it is stopped. The scripts in this folder start it.
//!
//! - `/livez` answers as the gateway's `/livez` does, from a constant.
//! - `/file` answers the bytes of `FILE`, which it reads once.
//! - `/proxy/{hash}` asks `UPSTREAM` for a file report with reqwest, accepting gzip, unpacks it and answers it unchanged.

use std::{env, fs, io};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use libdeflater::Decompressor;
use tokio::{net::TcpListener, runtime};

/// The allocator of the gateway.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The largest report that is unpacked, in bytes.
const MOST: usize = 1 << 20;

/// The state that all handlers share.
#[derive(Clone)]
struct Bare {
    upstream: String,
    file: Bytes,
    client: reqwest::Client,
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or(io::ErrorKind::InvalidInput);
    let (port, upstream, file) = (next()?, next()?, next()?);
    // reqwest asks for it, although nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bare = Bare {
        upstream,
        file: fs::read(file)?.into(),
        client: reqwest::Client::new(),
    };
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/file", get(send_file))
        .route("/proxy/{hash}", get(pass_on))
        .with_state(bare);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        axum::serve(listener, router).await
    })
}

/// Answers a request to a constant.
async fn livez() -> Response {
    json(Bytes::from_static(br#"{"status":"alive"}"#))
}

/// Answers the bytes of the file.
async fn send_file(State(bare): State<Bare>) -> Response {
    json(bare.file)
}

/// Answers what the upstream answers, unpacked.
async fn pass_on(State(bare): State<Bare>, Path(hash): Path<String>) -> Response {
    match fetch(&bare, &hash).await {
        Some(body) => json(body),
        None => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Fetches a report and unpacks it.
async fn fetch(bare: &Bare, hash: &str) -> Option<Bytes> {
    let url = format!("{}/api/v3/files/{hash}", bare.upstream);
    let request = bare.client.get(url).header(header::ACCEPT_ENCODING, "gzip");
    let packed = request.send().await.ok()?.bytes().await.ok()?;
    let size = packed.last_chunk().copied().map(u32::from_le_bytes)?;
    let mut report = vec![0; usize::try_from(size).ok()?.min(MOST)];
    Decompressor::new()
        .gzip_decompress(&packed, &mut report)
        .ok()?;
    Some(report.into())
}

/// Wraps a body as JSON.
fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
