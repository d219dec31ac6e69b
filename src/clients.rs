//! Clients: who may call with a token of the gateway's own, and spend a key they never see.
//!
//! A file says who they are ([`mod@file`]); of a token only its SHA-256 is kept ([`issue`]
//! makes new ones), and what each may ask for is counted by its name ([`allowance`]).

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use thiserror::Error;
use time::OffsetDateTime;

use self::{
    allowance::{Allowance, Spent},
    file::Mistake,
};
pub use self::{
    allowance::{OverAllowance, Window},
    issue::{Issued, NotIssued},
};
use crate::{
    clock::Now,
    key::{ApiKey, KeyHash, TokenDigest},
};

pub mod allowance;
pub mod file;
pub mod issue;

/// One client, as the file has it.
#[derive(Debug)]
pub struct Client {
    /// What it is called in the log and in refusals.
    pub name: Arc<str>,
    /// The VirusTotal key that it spends: one for it alone, or the server's.
    pub key: ApiKey,
    digest: TokenDigest,
    allowance: Allowance,
    scopes: Vec<Scope>,
    expires: Option<OffsetDateTime>,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Look up: reports, what is related to them, analyses, quota.
    Read,
    /// Post what others can see: uploads, scans, comments, votes.
    Submit,
    /// Search, in either way.
    Search,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Stranger {
    /// It is nobody's, or no longer anybody's.
    #[error("this client token is not known here; ask the operator for a new one")]
    Unknown,
    /// It was good until now.
    #[error("this client token has expired; ask the operator for a new one")]
    Expired,
}

/// Everybody who has a token.
#[derive(Debug)]
pub struct Clients {
    path: PathBuf,
    /// For clients that have no key of their own.
    servers_key: Option<ApiKey>,
    all: RwLock<Arc<[Arc<Client>]>>,
    /// How the file was just before it was last read.
    seen: Mutex<Option<Stamp>>,
    /// How many mistakes it had then.
    mistakes: AtomicUsize,
    spent: Spent,
}

/// What its system says of a file; another one means that it may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// None where there is no file.
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

impl Scope {
    /// Each with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Read, "read"),
        (Self::Submit, "submit"),
        (Self::Search, "search"),
    ];

    /// The name that stands in the file.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.into_iter().find(|(scope, _)| *scope == self);
        named.map_or("", |(_, name)| name)
    }
}

impl Client {
    /// Whether it may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// The hash by which the door knows it.
    pub fn hash(&self) -> KeyHash {
        self.digest.hash()
    }
}

impl Clients {
    /// Reads the file; who has no key of its own there spends the server's.
    ///
    /// Gives every mistake in it, or why it can't be read.
    pub fn load(path: PathBuf, servers_key: Option<ApiKey>) -> Result<Self, Vec<Mistake>> {
        let seen = Mutex::new(Stamp::of(&path));
        let all = file::read(&path, servers_key.as_ref())?;
        Ok(Self {
            path,
            seen,
            mistakes: AtomicUsize::new(0),
            servers_key,
            all: RwLock::new(all.into()),
            spent: Spent::default(),
        })
    }

    /// Reads the file again and says how many clients there are now.
    ///
    /// A file with a mistake changes nothing. Who has the same name as before goes on with
    /// what it has left.
    pub fn reload(&self) -> Result<usize, Vec<Mistake>> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Stamp::of(&self.path);
        let all = file::read(&self.path, self.servers_key.as_ref());
        let mistakes = all.as_ref().err().map_or(0, Vec::len);
        self.mistakes.store(mistakes, Ordering::Relaxed);
        let all = all?;
        let count = all.len();
        self.spent.keep_only(&all);
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all.into();
        Ok(count)
    }

    /// Whether the file may be another one than was last read, as far as its system says.
    ///
    /// What keys' own files hold is not looked at.
    pub fn has_changed(&self) -> bool {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Stamp::of(&self.path) != seen
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// How many mistakes the file had when it was last read; those of before hold then.
    pub fn mistakes(&self) -> usize {
        self.mistakes.load(Ordering::Relaxed)
    }

    /// The keys that they spend, one for each client.
    pub fn keys(&self) -> Vec<KeyHash> {
        self.all().iter().map(|client| client.key.hash()).collect()
    }

    /// Whose token this is, at this time.
    pub fn find(&self, token: &[u8], now: OffsetDateTime) -> Result<Arc<Client>, Stranger> {
        let digest = TokenDigest::of(token);
        let all = self.all();
        // Every one is compared: how long it takes tells nothing of who there is.
        let found = all.iter().fold(None, |found, client| {
            let matches = client.digest.matches(&digest);
            matches.then_some(client).or(found)
        });
        let client = found.ok_or(Stranger::Unknown)?;
        if client.expires.is_some_and(|expires| expires <= now) {
            return Err(Stranger::Expired);
        }
        Ok(Arc::clone(client))
    }

    /// Counts a request of a client's, or says what it has used up.
    pub fn spend(&self, client: &Client, now: Now) -> Result<(), OverAllowance> {
        self.spent.spend(&client.name, client.allowance, now)
    }

    fn all(&self) -> Arc<[Arc<Client>]> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
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

        fn load(&self) -> Clients {
            let key = ApiKey::parse(b"of-the-server").unwrap();
            Clients::load(self.0.clone(), Some(key)).unwrap()
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

    #[test]
    fn a_token_finds_its_client_until_it_expires() {
        let text = client("alice", "") + &client("bob", "expires = 2026-02-01T12:00:00Z");
        let clients = File::new(&text).load();
        let find = |token: &[u8]| clients.find(token, NOW);
        assert_eq!(&*find(b"vt4ai_alice").unwrap().name, "alice");
        assert_eq!(find(b"vt4ai_bob").unwrap_err(), Stranger::Expired);
        assert_eq!(find(b"vt4ai_carol").unwrap_err(), Stranger::Unknown);
        let before = NOW - time::Duration::SECOND;
        assert_eq!(&*clients.find(b"vt4ai_bob", before).unwrap().name, "bob");
    }

    #[test]
    fn a_file_replaces_the_old_one_only_if_it_is_whole() {
        let file = File::new(&client("alice", "per_minute = 1"));
        let clients = file.load();
        let now = Now {
            utc: NOW,
            ..Now::read()
        };
        let alice = clients.find(b"vt4ai_alice", NOW).unwrap();
        assert!(clients.spend(&alice, now).is_ok());
        let both = client("alice", "per_minute = 1") + &client("bob", "");
        assert!(!clients.has_changed());
        fs::write(&file.0, &both).unwrap();
        assert!(clients.has_changed());
        assert_eq!(clients.reload().unwrap(), 2);
        assert!(clients.find(b"vt4ai_bob", NOW).is_ok());
        assert!(clients.spend(&alice, now).is_err(), "its minute goes on");
        fs::write(&file.0, format!("{both}\n[[client]]\n")).unwrap();
        assert!(clients.reload().is_err() && clients.find(b"vt4ai_bob", NOW).is_ok());
        fs::remove_file(&file.0).unwrap();
        assert!(clients.has_changed());
        assert!(clients.reload().is_err() && clients.find(b"vt4ai_bob", NOW).is_ok());
        fs::write(&file.0, client("bob", "")).unwrap();
        assert_eq!(clients.reload().unwrap(), 1);
        assert_eq!(
            clients.find(b"vt4ai_alice", NOW).unwrap_err(),
            Stranger::Unknown
        );
    }
}
