//! Clients that call with a token issued by the gateway, and spend a key that they never see.
//!
//! A file lists the clients ([`mod@file`]). Only the SHA-256 of a token is stored ([`issue`]
//! creates new ones). Requests are counted against a client's allowance by its name
//! ([`allowance`]).

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use time::OffsetDateTime;

use self::{
    allowance::{Allowance, Spent},
    file::Mistake,
    reading::{FileState, Hangs, Order, Reading, Readings},
};
pub use self::{
    allowance::{OverAllowance, Window},
    issue::{Issued, TokenError},
};
use crate::{
    access::{ApiKey, KeyHash, TokenDigest},
    clock::Now,
};

pub mod allowance;
pub mod file;
pub mod issue;
mod reading;

/// A client as listed in the file.
#[derive(Debug)]
pub struct Client {
    /// The name shown in the log and in error details.
    pub name: Arc<str>,
    /// The VirusTotal key that the client spends: its own or the server's.
    pub key: ApiKey,
    digest: TokenDigest,
    allowance: Allowance,
    scopes: Vec<Scope>,
    expires: Option<OffsetDateTime>,
}

/// A permission of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Look up: reports, related objects, analyses, quota.
    Read,
    /// Post data that others can see: uploads, scans, comments, votes.
    Submit,
    /// Search, including intelligence search.
    Search,
    /// Read the metrics on the public port.
    Metrics,
}

/// The reasons for which a token is rejected.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UnknownToken {
    /// The token belongs to no client, or no longer does.
    #[error("this client token is not known here; ask the operator for a new one")]
    Unknown,
    /// The token has expired.
    #[error("this client token has expired; ask the operator for a new one")]
    Expired,
}

/// The clients of a gateway, as their file lists them.
#[derive(Debug)]
pub struct Clients {
    path: PathBuf,
    /// The key for clients that have none of their own.
    servers_key: Option<ApiKey>,
    all: RwLock<Arc<[Arc<Client>]>>,
    readings: Readings,
    /// The state of the file just before it was last read.
    seen: Mutex<Option<FileState>>,
    /// The number of mistakes that the file had then.
    mistakes: AtomicUsize,
    /// Whether the last reading took too long.
    hangs: AtomicBool,
    spent: Spent,
}

/// The outcome of checking the file.
#[derive(Debug)]
pub enum Refreshed {
    /// The file has not changed.
    Unchanged,
    /// The file was read and has this many clients.
    Reloaded(usize),
    /// The file is gone, so no token is accepted.
    Deleted,
    /// The file is invalid, so the previous clients stay.
    Kept(Vec<Mistake>),
}

impl Scope {
    /// All scopes with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Read, "read"),
        (Self::Submit, "submit"),
        (Self::Search, "search"),
        (Self::Metrics, "metrics"),
    ];

    /// Returns the name used in the file.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.into_iter().find(|(scope, _)| *scope == self);
        named.map_or("", |(_, name)| name)
    }
}

impl Client {
    /// Whether the client has this scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Returns the hash by which the rate limit counts the client.
    pub fn hash(&self) -> KeyHash {
        self.digest.hash()
    }
}

impl Clients {
    /// Reads the file. A client without a key of its own spends the server's.
    ///
    /// # Errors
    /// Returns all mistakes in the file, or the reason that it could not be read.
    pub async fn load(path: PathBuf, servers_key: Option<ApiKey>) -> Result<Self, Vec<Mistake>> {
        let readings = Readings::default();
        let order = Order {
            path: path.clone(),
            servers_key: servers_key.clone(),
            unless: None,
            is_first: true,
        };
        let hangs = || vec![Hangs::mistake(&path)];
        let reading = readings.read(order).await.map_err(|Hangs| hangs())?;
        let Reading { state, clients } = reading.ok_or_else(hangs)?;
        Ok(Self {
            path,
            servers_key,
            all: RwLock::new(clients?.into()),
            readings,
            seen: Mutex::new(Some(state)),
            mistakes: AtomicUsize::new(0),
            hangs: AtomicBool::new(false),
            spent: Spent::default(),
        })
    }

    /// Reads the file again if the file system reports a change, or if `asked` to.
    ///
    /// The files with clients' keys are not checked for changes. A file with a mistake changes
    /// nothing. A client keeps its counts as long as its name stays the same.
    pub async fn refresh(&self, asked: bool) -> Refreshed {
        let seen = *self.seen.lock();
        let order = Order {
            path: self.path.clone(),
            servers_key: self.servers_key.clone(),
            // A requested reload also picks up changes in the clients' key files.
            unless: seen.filter(|_| !asked),
            is_first: false,
        };
        let reading = self.readings.read(order).await;
        self.hangs.store(reading.is_err(), Ordering::Relaxed);
        match reading {
            Ok(Some(reading)) => self.take_up(reading),
            Ok(None) => Refreshed::Unchanged,
            Err(Hangs) => Refreshed::Kept(vec![Hangs::mistake(&self.path)]),
        }
    }

    fn take_up(&self, Reading { state, clients }: Reading) -> Refreshed {
        *self.seen.lock() = Some(state);
        let mistakes = clients.as_ref().err().map_or(0, Vec::len);
        self.mistakes.store(mistakes, Ordering::Relaxed);
        let all = match clients {
            Ok(all) => all,
            Err(mistakes) => return Refreshed::Kept(mistakes),
        };
        let count = all.len();
        // Counts survive a reload by the client's name, so a reload does not renew an allowance.
        self.spent.keep_only(&all);
        *self.all.write() = all.into();
        if state == FileState::Missing {
            Refreshed::Deleted
        } else {
            Refreshed::Reloaded(count)
        }
    }

    /// Returns the number of clients.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// Returns the number of mistakes in the file. With any, the previous clients stay.
    ///
    /// A file that cannot be read in time counts as one mistake.
    pub fn mistakes(&self) -> usize {
        let hangs = usize::from(self.hangs.load(Ordering::Relaxed));
        self.mistakes.load(Ordering::Relaxed).max(hangs)
    }

    /// Returns the keys that the clients spend, one for each client.
    pub fn keys(&self) -> Vec<KeyHash> {
        self.all().iter().map(|client| client.key.hash()).collect()
    }

    /// Returns the client that holds this token at this time.
    pub fn find(&self, token: &[u8], now: OffsetDateTime) -> Result<Arc<Client>, UnknownToken> {
        let digest = TokenDigest::of(token);
        let all = self.all();
        // All digests are compared, so that the time taken reveals nothing about the clients.
        let found = all.iter().fold(None, |found, client| {
            let matches = client.digest.matches(&digest);
            matches.then_some(client).or(found)
        });
        let client = found.ok_or(UnknownToken::Unknown)?;
        if client.expires.is_some_and(|expires| expires <= now) {
            return Err(UnknownToken::Expired);
        }
        Ok(Arc::clone(client))
    }

    /// Counts a request of a client, or fails if its allowance is used up.
    pub fn spend(&self, client: &Client, now: Now) -> Result<(), OverAllowance> {
        self.spent.spend(&client.name, client.allowance, now)
    }

    fn all(&self) -> Arc<[Arc<Client>]> {
        Arc::clone(&self.all.read())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    struct File(PathBuf);

    impl File {
        fn new(text: &str) -> Self {
            let name = format!("vt4ai-clients-{:032x}", fastrand::u128(..));
            let file = Self(std::env::temp_dir().join(name));
            fs::write(&file.0, text).unwrap();
            file
        }

        async fn load(&self) -> Clients {
            let key = ApiKey::parse(b"of-the-server").unwrap();
            Clients::load(self.0.clone(), Some(key)).await.unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn client(name: &str, more: &str) -> String {
        let digest = TokenDigest::of(format!("vt4ai_{name}").as_bytes()).hex();
        format!(
            "[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\nscopes = [\"read\"]\n{more}\n"
        )
    }

    #[tokio::test]
    async fn a_token_finds_its_client_until_it_expires() {
        let text = client("alice", "") + &client("bob", "expires = 2026-02-01T12:00:00Z");
        let clients = File::new(&text).load().await;
        let find = |token: &[u8]| clients.find(token, NOW);
        assert_eq!(&*find(b"vt4ai_alice").unwrap().name, "alice");
        assert_eq!(find(b"vt4ai_bob").unwrap_err(), UnknownToken::Expired);
        assert_eq!(find(b"vt4ai_carol").unwrap_err(), UnknownToken::Unknown);
        let before = NOW - time::Duration::SECOND;
        assert_eq!(&*clients.find(b"vt4ai_bob", before).unwrap().name, "bob");
    }

    #[tokio::test]
    async fn a_file_with_a_mistake_does_not_replace_the_old_one() {
        let file = File::new(&client("alice", "per_minute = 1"));
        let clients = file.load().await;
        let now = Now {
            utc: NOW,
            ..Now::read()
        };
        let alice = clients.find(b"vt4ai_alice", NOW).unwrap();
        assert!(clients.spend(&alice, now).is_ok());
        let both = client("alice", "per_minute = 1") + &client("bob", "");
        assert!(matches!(clients.refresh(false).await, Refreshed::Unchanged));
        fs::write(&file.0, &both).unwrap();
        assert!(matches!(
            clients.refresh(false).await,
            Refreshed::Reloaded(2)
        ));
        assert!(clients.find(b"vt4ai_bob", NOW).is_ok());
        assert!(clients.spend(&alice, now).is_err(), "its minute goes on");
        fs::write(&file.0, format!("{both}\n[[client]]\n")).unwrap();
        assert!(matches!(clients.refresh(false).await, Refreshed::Kept(_)));
        assert!(clients.find(b"vt4ai_bob", NOW).is_ok() && clients.mistakes() > 0);
        fs::write(&file.0, client("bob", "")).unwrap();
        assert!(matches!(
            clients.refresh(false).await,
            Refreshed::Reloaded(1)
        ));
        let alice = clients.find(b"vt4ai_alice", NOW);
        assert_eq!(alice.unwrap_err(), UnknownToken::Unknown);
        assert!(matches!(
            clients.refresh(true).await,
            Refreshed::Reloaded(1)
        ));
    }

    #[tokio::test]
    async fn no_token_is_accepted_once_the_file_is_emptied_or_deleted() {
        for empty in ["client = []", "", "# nothing yet\n"] {
            let file = File::new(&client("alice", ""));
            let clients = file.load().await;
            fs::write(&file.0, empty).unwrap();
            assert!(matches!(
                clients.refresh(false).await,
                Refreshed::Reloaded(0)
            ));
            assert!(clients.find(b"vt4ai_alice", NOW).is_err());
            assert_eq!(clients.mistakes(), 0);
        }
        let file = File::new(&client("alice", ""));
        let clients = file.load().await;
        fs::remove_file(&file.0).unwrap();
        assert!(matches!(clients.refresh(false).await, Refreshed::Deleted));
        assert!(clients.find(b"vt4ai_alice", NOW).is_err());
        assert!(matches!(clients.refresh(false).await, Refreshed::Unchanged));
        fs::write(&file.0, client("alice", "")).unwrap();
        assert!(matches!(
            clients.refresh(false).await,
            Refreshed::Reloaded(1)
        ));
    }

    #[tokio::test]
    async fn a_file_that_is_empty_only_while_it_is_written_changes_nothing() {
        let file = File::new(&client("alice", ""));
        let clients = file.load().await;
        fs::write(&file.0, "").unwrap();
        let write = async {
            tokio::task::yield_now().await;
            fs::write(&file.0, client("bob", "")).unwrap();
        };
        let (refreshed, ()) = tokio::join!(clients.refresh(false), write);
        assert!(matches!(refreshed, Refreshed::Reloaded(1)));
    }

    #[tokio::test]
    async fn a_special_or_oversized_file_is_a_mistake() {
        let file = File::new(&client("alice", ""));
        let clients = file.load().await;
        for bad in ["/dev/zero", "/dev", "/proc/self/mem"] {
            fs::remove_file(&file.0).unwrap();
            std::os::unix::fs::symlink(bad, &file.0).unwrap();
            assert!(matches!(clients.refresh(false).await, Refreshed::Kept(_)));
            assert!(clients.find(b"vt4ai_alice", NOW).is_ok() && clients.mistakes() == 1);
        }
        fs::remove_file(&file.0).unwrap();
        fs::write(&file.0, "#".repeat(4 * 1024 * 1024 + 1)).unwrap();
        assert!(matches!(clients.refresh(false).await, Refreshed::Kept(_)));
    }
}
