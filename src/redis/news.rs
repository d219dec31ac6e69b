//! Messages between replicas: writes to objects, and refused keys.

use std::{collections::VecDeque, sync::LazyLock, time::Duration};

use ::redis::Script;

use super::{PREFIX, RedisCommand, clock, millis};

/// The number of changes that are queued while Redis is unavailable. Beyond it the oldest is
/// dropped.
const MAX_QUEUED_CHANGES: usize = 100_000;

/// The number of messages in one read.
const MAX_NEWS_PER_READ: usize = 1000;

static ANNOUNCE_CHANGE: LazyLock<Script> =
    LazyLock::new(|| Script::new(clocked!("names.lua", "announce.lua", "change.lua")));
static READ_NEWS: LazyLock<Script> = LazyLock::new(|| Script::new(clocked!("news.lua")));

/// A change to announce to all replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedChange {
    /// The message.
    pub news: News,
    /// The time for which Redis remembers the change: as long as older answers may be stored.
    pub life: Duration,
}

/// A message from one replica to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The object with these hashed names was written to.
    Changed(Vec<String>),
    /// The object with these hashed names may have been written to.
    Doubted(Vec<String>),
    /// All of these hashed names denote one object that was written to.
    Names(Vec<String>),
    /// An analysis was started. The first name is its own, the others are its object's.
    Begun(Vec<String>),
    /// VirusTotal refused the key with this hash.
    Refused(String),
}

/// The changes that are still to be announced, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<SharedChange>,
}

impl Outbox {
    /// Queues a change, dropping the oldest if the queue is full.
    pub(super) fn push(&mut self, change: SharedChange) {
        if self.waiting.len() >= MAX_QUEUED_CHANGES {
            self.waiting.pop_front();
        }
        self.waiting.push_back(change);
    }

    /// Returns the change to announce next.
    pub(super) fn first(&self) -> Option<SharedChange> {
        self.waiting.front().cloned()
    }

    /// Removes an announced change, unless it was dropped from the front meanwhile.
    pub(super) fn remove_announced(&mut self, change: &SharedChange) {
        if self.waiting.front() == Some(change) {
            self.waiting.pop_front();
        }
    }

    /// Returns whether a queued change concerns one of these names.
    pub(super) fn mentions(&self, names: &[String]) -> bool {
        let mut queued = self.waiting.iter().flat_map(|change| change.news.names());
        queued.any(|name| names.contains(name))
    }
}

impl SharedChange {
    /// Returns the command that announces the change.
    pub(super) fn command(&self, replica: &str) -> RedisCommand {
        let mut script = ANNOUNCE_CHANGE.key(clock());
        script.key(news_key());
        script.arg(self.news.kind()).arg(millis(self.life).max(1));
        script.arg(replica);
        for name in self.news.names() {
            script.arg(name);
        }
        RedisCommand::Script(script)
    }
}

impl News {
    fn kind(&self) -> &'static str {
        match self {
            Self::Changed(_) => "changed",
            Self::Doubted(_) => "doubted",
            Self::Begun(_) => "begun",
            Self::Names(_) => "joined",
            Self::Refused(_) => "refused",
        }
    }

    fn names(&self) -> &[String] {
        match self {
            Self::Changed(names)
            | Self::Doubted(names)
            | Self::Names(names)
            | Self::Begun(names) => names,
            Self::Refused(key) => std::slice::from_ref(key),
        }
    }

    /// Parses a message. Of a replica's own messages only the names matter, since Redis may have
    /// added some.
    pub(super) fn read(line: &str, replica: &str) -> Option<Self> {
        // A line is the time, the kind, the sender's id and the names.
        let mut words = line.split(' ').skip(1);
        let (kind, sender) = (words.next()?, words.next()?);
        let mut names = words.map(str::to_owned);
        match kind {
            "changed" | "doubted" if sender == replica => Some(Self::Names(names.collect())),
            _ if sender == replica => None,
            "joined" => Some(Self::Names(names.collect())),
            "begun" => Some(Self::Begun(names.collect())),
            "changed" => Some(Self::Changed(names.collect())),
            "doubted" => Some(Self::Doubted(names.collect())),
            "refused" => names.next().map(Self::Refused),
            _ => None,
        }
    }
}

/// Returns the command that reads messages since a shared time or, if `since` is negative, of the
/// last `-since` microseconds.
pub(super) fn read_since(since: i64) -> RedisCommand {
    let mut script = READ_NEWS.key(clock());
    script.key(format!("{PREFIX}alive")).key(news_key());
    script.arg(since).arg(MAX_NEWS_PER_READ);
    RedisCommand::Script(script)
}

/// Returns the Redis key of the list of messages.
pub(super) fn news_key() -> String {
    format!("{PREFIX}news")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: usize) -> SharedChange {
        SharedChange {
            news: News::Changed(vec![name.to_string()]),
            life: Duration::from_secs(1),
        }
    }

    #[test]
    fn own_messages_yield_only_names() {
        let news = News::Doubted(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(News::read("17 doubted other a b", "own"), Some(news));
        let own = News::Names(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(News::read("17 doubted own a b", "own"), Some(own.clone()));
        assert_eq!(News::read("17 joined other a b", "own"), Some(own));
        for own in ["17 begun own a b", "17 joined own a b"] {
            assert_eq!(News::read(own, "own"), None);
        }
        for nonsense in ["", "17", "17 x other a", "17 refused other"] {
            assert_eq!(News::read(nonsense, "own"), None, "{nonsense}");
        }
    }

    #[test]
    fn outbox_is_ordered_and_bounded() {
        let mut outbox = Outbox::default();
        (0..=MAX_QUEUED_CHANGES).for_each(|name| outbox.push(change(name)));
        assert_eq!(outbox.first(), Some(change(1)));
        assert!(outbox.mentions(&["5".to_owned()]) && !outbox.mentions(&["0".to_owned()]));
        outbox.remove_announced(&change(1));
        outbox.remove_announced(&change(1));
        assert_eq!(outbox.first(), Some(change(2)));
    }
}
