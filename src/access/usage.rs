//! The usage of callers by day: requests, units, saved units, and tokens served.
//!
//! A request adds to the usage of its caller through its [`UsageMeter`](super::UsageMeter). The
//! book holds what this process has counted, and what is still to be kept elsewhere. Its memory is
//! bounded: callers beyond a number are counted together.

use std::{collections::BTreeMap, fmt, iter, sync::Arc};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use time::{Date, Duration};

use super::{AcceptedKeys, KeyHash, UsageTable, clients::is_client_name};

/// The number of days for which usage is kept, today included.
pub const USAGE_DAYS: u8 = 31;

/// The largest number of clients whose usage is counted apart.
pub(super) const MAX_USAGE_CLIENTS: usize = 5_000;

/// The largest number of VirusTotal keys of callers whose usage is counted apart.
pub(super) const MAX_USAGE_KEYS: usize = 1_000;

/// The largest number of callers of a day: all of those, the server's own and the others.
pub const MAX_USAGE_CALLERS: usize = MAX_USAGE_CLIENTS + MAX_USAGE_KEYS + 2;

/// The usage of a caller on a day, or what is to be added to it.
///
/// Signed, because a unit that was counted can be released later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// The requests.
    pub requests: i64,
    /// The units of quota that were spent.
    pub units: i64,
    /// The lookups that the cache or another caller's call answered.
    pub saved_units: i64,
    /// The approximate number of tokens of the answers.
    pub tokens: i64,
}

/// The caller that usage is attributed to.
///
/// An order by which clients come first, by their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageCaller {
    /// The client with this name.
    Client(Arc<str>),
    /// The requests without a credential that spend the server's key, or that carry it.
    Server,
    /// The owner of a VirusTotal key that VirusTotal has accepted, by a digest of the key's hash.
    Key(u64),
    /// The callers beyond the number that are counted apart.
    Others,
}

/// The usage of a caller on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The caller.
    pub caller: UsageCaller,
    /// The day, in UTC.
    pub day: Date,
    /// The counts.
    pub counts: UsageCounts,
}

/// The usage that this process has counted. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct UsageBook(Arc<BookState>);

#[derive(Debug)]
struct BookState {
    servers_key: Option<KeyHash>,
    accepted: AcceptedKeys,
    /// Whether usage is kept elsewhere, too.
    is_kept: bool,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// The usage since the start.
    counted: UsageTable,
    /// The part of it that is still to be kept elsewhere.
    unkept: UsageTable,
    /// The sums of each client since the start.
    sums: BTreeMap<Arc<str>, ClientSums>,
    /// The latest day.
    day: Option<Date>,
}

/// The sums of a client, and the highest that they have been, since a unit can be released late.
#[derive(Debug, Default)]
struct ClientSums {
    exact: UsageCounts,
    highest: UsageCounts,
}

impl UsageCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.units = self.units.saturating_add(other.units);
        self.saved_units = self.saved_units.saturating_add(other.saved_units);
        self.tokens = self.tokens.saturating_add(other.tokens);
    }

    /// Returns the greater of each of the counts.
    fn max(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            units: self.units.max(other.units),
            saved_units: self.saved_units.max(other.saved_units),
            tokens: self.tokens.max(other.tokens),
        }
    }

    /// Whether all counts are zero.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl UsageCaller {
    /// Returns the caller that owns a key.
    ///
    /// The hash is hashed once more, so that what is kept on disk can't be compared with the hashes
    /// of keys elsewhere.
    pub fn of_key(key: KeyHash) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"usage ");
        hasher.update(key.hex());
        let digest: [u8; 32] = hasher.finalize().into();
        let [first, ..] = digest.as_chunks().0 else {
            return Self::Others;
        };
        Self::Key(u64::from_be_bytes(*first))
    }

    /// Parses the text of a caller, as `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "server" => Some(Self::Server),
            None if text == "others" => Some(Self::Others),
            Some(("client", name)) if is_client_name(name) => Some(Self::Client(name.into())),
            Some(("key", digest)) if digest.len() == 16 => {
                u64::from_str_radix(digest, 16).ok().map(Self::Key)
            }
            _ => None,
        }
    }
}

impl fmt::Display for UsageCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(name) => write!(f, "client:{name}"),
            Self::Server => f.write_str("server"),
            Self::Key(digest) => write!(f, "key:{digest:016x}"),
            Self::Others => f.write_str("others"),
        }
    }
}

impl UsageBook {
    /// Creates an empty book. `is_kept` tells whether its rows are taken out to be kept elsewhere.
    pub fn new(servers_key: Option<KeyHash>, accepted: AcceptedKeys, is_kept: bool) -> Self {
        Self(Arc::new(BookState {
            servers_key,
            accepted,
            is_kept,
            tables: Mutex::default(),
        }))
    }

    /// Returns the caller that spends a key without being a client, if the key is the server's or
    /// VirusTotal has accepted it.
    pub fn owner_of(&self, key: KeyHash) -> Option<UsageCaller> {
        if self.0.servers_key == Some(key) {
            return Some(UsageCaller::Server);
        }
        let is_accepted = self.0.accepted.contains(key);
        is_accepted.then(|| UsageCaller::of_key(key))
    }

    /// Adds to the usage.
    pub fn add(&self, row: &UsageRow) {
        let mut tables = self.0.tables.lock();
        if tables.day < Some(row.day) {
            tables.day = Some(row.day);
            let first = first_day(row.day, USAGE_DAYS);
            tables.counted.forget_before(first);
        }
        let caller = tables.counted.add(row);
        let row = UsageRow { caller, ..*row };
        tables.sum_up(&row);
        if self.0.is_kept {
            tables.unkept.add(&row);
        }
    }

    /// Returns the sums of each client since the start, which never go down.
    pub fn sums_of_clients(&self) -> Vec<(Arc<str>, UsageCounts)> {
        let tables = self.0.tables.lock();
        let sums = tables.sums.iter();
        sums.map(|(name, sums)| (Arc::clone(name), sums.highest))
            .collect()
    }

    /// Takes the rows out that are still to be kept elsewhere.
    pub fn take_unkept(&self) -> Vec<UsageRow> {
        self.0.tables.lock().unkept.take()
    }

    /// Puts rows back that could not be kept.
    pub fn put_back(&self, rows: &[UsageRow]) {
        let mut tables = self.0.tables.lock();
        for row in rows {
            tables.unkept.add(row);
        }
    }

    /// Returns the rows that are still to be kept elsewhere.
    pub fn unkept(&self, of: Option<&UsageCaller>, from: Date, to: Date) -> Vec<UsageRow> {
        self.0.tables.lock().unkept.rows(of, from, to)
    }

    /// Returns the rows that this process has counted since its start.
    pub fn counted(&self, of: Option<&UsageCaller>, from: Date, to: Date) -> Vec<UsageRow> {
        self.0.tables.lock().counted.rows(of, from, to)
    }
}

impl Tables {
    fn sum_up(&mut self, row: &UsageRow) {
        let UsageCaller::Client(name) = &row.caller else {
            return;
        };
        if self.sums.len() >= MAX_USAGE_CLIENTS && !self.sums.contains_key(name) {
            return;
        }
        let sums = self.sums.entry(Arc::clone(name)).or_default();
        sums.exact.add(row.counts);
        sums.highest = sums.highest.max(sums.exact);
    }
}

/// Returns the days from one to another, both included.
pub fn days_between(from: Date, to: Date) -> impl Iterator<Item = Date> {
    iter::successors(Some(from), |day| day.next_day()).take_while(move |day| *day <= to)
}

/// Returns the first of so many days, of which the last is given.
pub fn first_day(last: Date, days: u8) -> Date {
    let before = Duration::days(i64::from(days) - 1);
    last.checked_sub(before).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::testing::{client, usage_row as row};

    const TODAY: Date = date!(2026 - 03 - 01);

    fn book(is_kept: bool) -> UsageBook {
        UsageBook::new(None, AcceptedKeys::new(), is_kept)
    }

    #[test]
    fn days_are_counted_apart_and_the_oldest_are_forgotten() {
        let book = book(false);
        let first = first_day(TODAY, USAGE_DAYS);
        assert_eq!(first, date!(2026 - 01 - 30));
        book.add(&row(client("a"), first, 1));
        book.add(&row(client("b"), first, 1));
        book.add(&row(client("a"), TODAY, 2));
        book.add(&row(client("a"), TODAY, 3));
        let of_a = book.counted(Some(&client("a")), first, TODAY);
        let of_a: Vec<_> = of_a.iter().map(|row| (row.day, row.counts.units)).collect();
        assert_eq!(of_a, [(first, 1), (TODAY, 5)]);
        let tomorrow = TODAY.next_day().unwrap();
        book.add(&row(client("a"), tomorrow, 1));
        let all = book.counted(None, Date::MIN, Date::MAX);
        let days: Vec<_> = all.iter().map(|row| row.day).collect();
        assert_eq!(days, [TODAY, tomorrow]);
        assert!(book.unkept(None, Date::MIN, Date::MAX).is_empty());
    }

    #[test]
    fn sums_of_clients_never_go_down() {
        let book = book(false);
        let tomorrow = TODAY.next_day().unwrap();
        for (day, units, sum) in [(TODAY, 3, 3), (TODAY, -1, 3), (tomorrow, 2, 4)] {
            book.add(&row(client("a"), day, units));
            book.add(&row(UsageCaller::Server, day, units));
            let sums = book.sums_of_clients();
            assert_eq!((sums.len(), sums[0].1.units), (1, sum));
        }
    }

    #[test]
    fn what_is_taken_out_and_put_back_is_neither_lost_nor_counted_twice() {
        let book = book(true);
        for name in ["a", "b", "c"] {
            book.add(&row(client(name), TODAY, 1));
        }
        let taken = book.take_unkept();
        assert_eq!(taken.len(), 3);
        book.add(&row(client("a"), TODAY, 5));
        book.put_back(&taken);
        let mut units = 0;
        for row in book.take_unkept() {
            units += row.counts.units;
        }
        assert_eq!(units, 8);
        assert!(book.take_unkept().is_empty());
        assert_eq!(book.counted(None, TODAY, TODAY).len(), 3);
    }

    #[test]
    fn callers_are_read_as_they_are_written() {
        let hash = KeyHash::from_hex("00112233445566778899aabbccddeeff").unwrap();
        let of_key = UsageCaller::of_key(hash);
        for caller in [
            client("alice@example"),
            UsageCaller::Server,
            of_key.clone(),
            UsageCaller::Others,
        ] {
            assert_eq!(UsageCaller::parse(&caller.to_string()), Some(caller));
        }
        assert!(!of_key.to_string().contains("0011223344556677"));
        for text in [
            "",
            "client:",
            "client:a b",
            "client:a\nb",
            "key:12",
            "key:zz00000000000000",
            "server:x",
            "Server",
        ] {
            assert_eq!(UsageCaller::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_owns_usage_once_it_is_accepted() {
        let of = |digit: &str| KeyHash::from_hex(&digit.repeat(32)).unwrap();
        let accepted = AcceptedKeys::new();
        let book = UsageBook::new(Some(of("1")), accepted.clone(), false);
        assert_eq!(book.owner_of(of("1")), Some(UsageCaller::Server));
        assert_eq!(book.owner_of(of("2")), None);
        accepted.accept(of("2"));
        assert_eq!(book.owner_of(of("2")), Some(UsageCaller::of_key(of("2"))));
        accepted.refuse(of("2"));
        assert_eq!(book.owner_of(of("2")), None);
    }
}
