//! Clients that call with a token issued by the gateway, and spend a key that they never see.
//!
//! A file lists the clients ([`mod@file`]). Only the SHA-256 of a token is stored ([`issue`]
//! creates new ones). Requests are counted against a client's allowance by its name
//! ([`allowance`]).

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use thiserror::Error;
use time::OffsetDateTime;

pub(super) use self::file::is_name as is_client_name;
use self::{
    allowance::{Allowance, RequestCounts},
    file::Mistake,
    reading::{ReadBlocked, ReadJob, Reading, Readings},
};
pub use self::{
    allowance::{AllowanceWindow, OverAllowance, Usage, UsedRequests},
    issue::{Issued, TokenError},
};
use crate::{
    access::{ApiKey, FileState, KeyHash, TokenDigest},
    clock::Now,
};

pub mod allowance;
pub mod file;
pub mod issue;
mod reading;

/// A client as listed in the file. Clones share the record.
#[derive(Clone, Debug)]
pub struct Client(Arc<ClientRecord>);

/// The fields of a [`Client`].
#[derive(Debug)]
pub struct ClientRecord {
    /// The name shown in the log and in error details.
    pub name: Arc<str>,
    /// The VirusTotal key that the client spends: its own or the server's.
    pub key: ApiKey,
    /// The time for which a request under `/api/v3` waits for a unit, if the operator set one.
    pub wait: Option<Duration>,
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
    /// Everything else that VirusTotal offers to the key under `/api/v3`: it shows the private
    /// scans, rulesets and graphs of the key's owner.
    All,
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

/// The clients of a gateway, as their file lists them. A handle: clones share the list.
#[derive(Clone, Debug)]
pub struct Clients(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The key for clients that have none of their own.
    servers_key: Option<ApiKey>,
    list: RwLock<Vec<Client>>,
    readings: Readings,
    /// The state of the file just before it was last read.
    seen: Mutex<FileState>,
    /// The number of mistakes that the file had then.
    mistakes: AtomicUsize,
    /// Whether the last reading took too long.
    is_blocked: AtomicBool,
    counts: RequestCounts,
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
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Read, "read"),
        (Self::Submit, "submit"),
        (Self::Search, "search"),
        (Self::Metrics, "metrics"),
        (Self::All, "all"),
    ];

    /// Returns the name used in the file.
    pub fn name(self) -> &'static str {
        for (scope, name) in Self::ALL {
            if scope == self {
                return name;
            }
        }
        ""
    }

    /// Returns the scope with this name.
    fn named(wanted: &str) -> Option<Self> {
        for (scope, name) in Self::ALL {
            if name == wanted {
                return Some(scope);
            }
        }
        None
    }
}

impl Client {
    /// Whether the client has this scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether a text is the client's own token.
    pub fn holds(&self, token: &[u8]) -> bool {
        self.digest.matches(&TokenDigest::of(token))
    }

    /// Returns the hash by which the rate limit counts the client.
    pub fn hash(&self) -> KeyHash {
        self.digest.hash()
    }
}

impl Deref for Client {
    type Target = ClientRecord;

    fn deref(&self) -> &ClientRecord {
        &self.0
    }
}

impl From<ClientRecord> for Client {
    fn from(record: ClientRecord) -> Self {
        Self(Arc::new(record))
    }
}

impl Clients {
    /// Reads the file. A client without a key of its own spends the server's.
    ///
    /// # Errors
    ///
    /// Returns all mistakes in the file, or the reason that it could not be read.
    pub async fn load(path: PathBuf, servers_key: Option<ApiKey>) -> Result<Self, Vec<Mistake>> {
        let readings = Readings::default();
        let job = ReadJob {
            path: path.clone(),
            servers_key: servers_key.clone(),
            unless: None,
            is_first: true,
        };
        // Without a state in which it need not be read, a file is either read or blocks.
        let Ok(Some(Reading { state, clients })) = readings.read(job).await else {
            return Err(vec![ReadBlocked::mistake(&path)]);
        };
        Ok(Self(Arc::new(Inner {
            path,
            servers_key,
            list: RwLock::new(clients?),
            readings,
            seen: Mutex::new(state),
            mistakes: AtomicUsize::new(0),
            is_blocked: AtomicBool::new(false),
            counts: RequestCounts::default(),
        })))
    }

    /// Reads the file again if the file system reports a change, or if the operator has
    /// requested a reload.
    ///
    /// The files with clients' keys are not checked for changes. A file with a mistake changes
    /// nothing. A client keeps its counts as long as its name stays the same.
    pub async fn refresh(&self, is_requested: bool) -> Refreshed {
        let inner = &*self.0;
        let seen = *inner.seen.lock();
        let job = ReadJob {
            path: inner.path.clone(),
            servers_key: inner.servers_key.clone(),
            // A requested reload also picks up changes in the clients' key files.
            unless: (!is_requested).then_some(seen),
            is_first: false,
        };
        let reading = inner.readings.read(job).await;
        inner.is_blocked.store(reading.is_err(), Ordering::Relaxed);
        match reading {
            Ok(Some(reading)) => self.apply(reading),
            Ok(None) => Refreshed::Unchanged,
            Err(ReadBlocked) => Refreshed::Kept(vec![ReadBlocked::mistake(&inner.path)]),
        }
    }

    /// Replaces the clients by those that were read, unless there was a mistake.
    fn apply(&self, Reading { state, clients }: Reading) -> Refreshed {
        let inner = &*self.0;
        *inner.seen.lock() = state;
        let clients = match clients {
            Ok(clients) => clients,
            Err(mistakes) => {
                inner.mistakes.store(mistakes.len(), Ordering::Relaxed);
                return Refreshed::Kept(mistakes);
            }
        };
        inner.mistakes.store(0, Ordering::Relaxed);
        let count = clients.len();
        // Counts survive a reload by the client's name, so a reload does not renew an allowance.
        inner.counts.keep_only(&clients);
        *inner.list.write() = clients;
        if state == FileState::Missing {
            Refreshed::Deleted
        } else {
            Refreshed::Reloaded(count)
        }
    }

    /// Returns the number of clients.
    pub fn count(&self) -> usize {
        self.list().len()
    }

    /// Returns the number of mistakes in the file. With any, the previous clients stay.
    ///
    /// A file that cannot be read in time counts as one mistake.
    pub fn mistakes(&self) -> usize {
        let blocked = usize::from(self.0.is_blocked.load(Ordering::Relaxed));
        self.0.mistakes.load(Ordering::Relaxed).max(blocked)
    }

    /// Returns the keys that the clients spend, one for each client.
    pub fn keys(&self) -> Vec<KeyHash> {
        self.list().iter().map(|client| client.key.hash()).collect()
    }

    /// Returns the client that holds this token at this time.
    pub fn find(&self, token: &[u8], now: OffsetDateTime) -> Result<Client, UnknownToken> {
        let digest = TokenDigest::of(token);
        let list = self.list();
        let mut found = None;
        // All digests are compared, so that the time taken reveals nothing about the clients.
        for client in list.iter() {
            if client.digest.matches(&digest) {
                found = Some(client);
            }
        }
        let client = found.ok_or(UnknownToken::Unknown)?;
        if let Some(expires) = client.expires
            && expires <= now
        {
            return Err(UnknownToken::Expired);
        }
        Ok(client.clone())
    }

    /// Counts a request of a client, or fails if its allowance is used up.
    pub fn spend(&self, client: &Client, now: Now) -> Result<(), OverAllowance> {
        self.0.counts.spend(&client.name, client.allowance, now)
    }

    /// Takes back a request of a client that was counted at this time.
    pub fn put_back(&self, client: &Client, counted: Now) {
        self.0.counts.put_back(&client.name, counted);
    }

    /// Returns the requests that a client has made, beside those that it may make.
    pub fn usage(&self, client: &Client, now: Now) -> Usage {
        self.0.counts.usage(&client.name, client.allowance, now)
    }

    fn list(&self) -> RwLockReadGuard<'_, Vec<Client>> {
        self.0.list.read()
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
