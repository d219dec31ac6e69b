//! The file of clients, and the keys and tokens that callers send.

#![no_main]

use std::{borrow::Cow, fs, path::PathBuf, process, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;
use time::OffsetDateTime;
use tokio::runtime::{Builder, Runtime};
use toml::{Table, Value};
use vt4ai::access::{
    ApiKey, InvalidKey, TOKEN_PREFIX, TokenDigest,
    clients::{Clients, Refreshed, Scope, UnknownToken},
};

/// A text that must not appear in a mistake, wherever it stands in the file. No client can have it as
/// its name.
const SECRET: &str = "s3cr3t!";

const TOKEN: &[u8] = b"vt4ai_token";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

/// The path of the file, in memory if there is such a file system.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = PathBuf::from("/dev/shm");
    let directory = Some(directory).filter(|it| it.is_dir());
    let name = format!("vt4ai-fuzz-{}.toml", process::id());
    directory.unwrap_or_else(std::env::temp_dir).join(name)
});

/// Returns the clients in a file, as parsed by the TOML library.
fn tables(text: &str) -> Vec<Table> {
    let file: Table = text.parse().unwrap();
    let tables = file["client"].as_array().unwrap();
    tables
        .iter()
        .map(|it| it.as_table().unwrap().clone())
        .collect()
}

fn file(text: &str) {
    fs::write(&*FILE, text).unwrap();
    let servers = ApiKey::parse(b"of-the-server").ok();
    let clients = match RUNTIME.block_on(Clients::load(FILE.clone(), servers)) {
        Ok(clients) => clients,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes.iter().map(ToString::to_string) {
                assert!(
                    !mistake.contains(SECRET) && !mistake.contains('\n'),
                    "{mistake}"
                );
            }
            return;
        }
    };
    let tables = tables(text);
    assert_eq!(clients.count(), tables.len());
    if !tables.is_empty() {
        // An empty file is read again after a delay, which would slow down fuzzing.
        let again = RUNTIME.block_on(clients.refresh(true));
        assert!(matches!(again, Refreshed::Reloaded(count) if count == tables.len()));
    }
    let digest = TokenDigest::of(TOKEN).hex();
    let has_token = |table: &&Table| {
        let text = table.get("token_sha256").and_then(Value::as_str);
        text.is_some_and(|text| text.eq_ignore_ascii_case(&digest))
    };
    let meant: Vec<_> = tables.iter().filter(has_token).collect();
    match (clients.find(TOKEN, OffsetDateTime::UNIX_EPOCH), &meant[..]) {
        (Ok(client), [table]) => {
            assert_eq!(
                table.get("name").and_then(Value::as_str),
                Some(&*client.name)
            );
            let scopes = table["scopes"].as_array().unwrap();
            for (scope, name) in Scope::ALL {
                let is_named = scopes.iter().any(|it| it.as_str() == Some(name));
                assert_eq!(client.may(scope), is_named);
            }
            assert!(!format!("{client:?}").contains(&digest));
        }
        (Err(UnknownToken::Expired), [table]) => assert!(table.contains_key("expires")),
        (Err(UnknownToken::Unknown), []) => {}
        differ => panic!("{differ:?}"),
    }
}

/// Returns whether a text contains a token, percent-encoded any number of times.
fn holds_token(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let holds = String::from_utf8_lossy(&lower).contains(TOKEN_PREFIX);
    holds
        || match percent_decode(&lower).into() {
            Cow::Borrowed(_) => false,
            Cow::Owned(decoded) => holds_token(&decoded),
        }
}

fn key(text: &[u8]) {
    let is_sound = text.iter().all(u8::is_ascii_graphic)
        && (1..=512).contains(&text.len())
        && text.iter().any(u8::is_ascii_alphanumeric);
    match ApiKey::parse(text) {
        Ok(key) => {
            assert_eq!(key.expose().as_bytes(), text);
            assert!(is_sound && !holds_token(text));
            assert!(!format!("{key:?}").contains(key.expose()) || text.len() < 16);
        }
        Err(InvalidKey::ClientToken) => assert!(holds_token(text)),
        Err(InvalidKey::Malformed) => assert!(!is_sound && !holds_token(text)),
    }
    let digest = TokenDigest::of(text);
    assert!(
        TokenDigest::from_hex(&digest.hex())
            .unwrap()
            .matches(&digest)
    );
    if let Some(read) = str::from_utf8(text).ok().and_then(TokenDigest::from_hex) {
        assert_eq!(read.hex().as_bytes(), text.to_ascii_lowercase());
    }
}

fuzz_target!(|bytes: &[u8]| {
    key(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        file(text);
    }
});
