//! The meter of a request, which adds to the usage of its caller.

use std::{mem, sync::Arc};

use parking_lot::Mutex;

use super::{
    KeyHash,
    usage::{UsageBook, UsageCaller, UsageCounts, UsageRow},
};
use crate::clock::Now;

/// The meter of a request. Clones share it; the default one counts nothing.
///
/// A request may turn out late to be one of a known caller: its key counts once VirusTotal has
/// accepted it. Until then the counts stay here, and without a known caller they are dropped in the
/// end. The rest is added once the last clone is dropped, since a call that was started goes on
/// without its caller.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter(Option<Arc<Metered>>);

#[derive(Debug)]
struct Metered {
    book: UsageBook,
    state: Mutex<MeterState>,
}

#[derive(Debug)]
struct MeterState {
    client: Option<Arc<str>>,
    key: Option<KeyHash>,
    /// The counts that are not in the book yet.
    open: UsageCounts,
}

impl UsageMeter {
    /// Creates the meter of one request.
    pub fn new(book: &UsageBook) -> Self {
        let open = UsageCounts {
            requests: 1,
            ..UsageCounts::default()
        };
        Self(Some(Arc::new(Metered {
            book: book.clone(),
            state: Mutex::new(MeterState {
                client: None,
                key: None,
                open,
            }),
        })))
    }

    /// Attributes the request to a client.
    pub fn set_client(&self, name: &Arc<str>) {
        if let Some(metered) = &self.0 {
            metered.state.lock().client = Some(Arc::clone(name));
        }
    }

    /// Attributes a request without a client to the owner of the key that it spends.
    pub fn set_key(&self, key: KeyHash) {
        if let Some(metered) = &self.0 {
            metered.state.lock().key = Some(key);
        }
    }

    /// Counts a unit that was spent, or takes back one that was released.
    pub(super) fn count_units(&self, units: i64) {
        self.count(UsageCounts {
            units,
            ..UsageCounts::default()
        });
    }

    /// Counts a unit that the cache or another caller's call saved.
    pub fn count_saved_unit(&self) {
        self.count(UsageCounts {
            saved_units: 1,
            ..UsageCounts::default()
        });
    }

    /// Counts the tokens of an answer.
    pub fn count_tokens(&self, tokens: usize) {
        self.count(UsageCounts {
            tokens: i64::try_from(tokens).unwrap_or(i64::MAX),
            ..UsageCounts::default()
        });
    }

    fn count(&self, counts: UsageCounts) {
        if let Some(metered) = &self.0 {
            metered.state.lock().open.add(counts);
        }
    }

    /// Adds all that was counted so far to the usage of the caller, if it is known.
    pub fn settle(&self) {
        if let Some(metered) = &self.0 {
            metered.settle();
        }
    }
}

impl Metered {
    fn settle(&self) {
        let mut state = self.state.lock();
        if state.open.is_zero() {
            return;
        }
        let caller = match (&state.client, state.key) {
            (Some(name), _) => Some(UsageCaller::Client(Arc::clone(name))),
            (None, Some(key)) => self.book.owner_of(key),
            (None, None) => None,
        };
        let Some(caller) = caller else { return };
        let counts = mem::take(&mut state.open);
        drop(state);
        self.book.add(&UsageRow {
            caller,
            day: Now::read().day(),
            counts,
        });
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use time::Date;

    use super::*;
    use crate::access::AcceptedKeys;

    fn counted(book: &UsageBook) -> Vec<(String, UsageCounts)> {
        let rows = book.counted(None, Date::MIN, Date::MAX);
        let rows = rows.into_iter();
        rows.map(|row| (row.caller.to_string(), row.counts))
            .collect()
    }

    #[test]
    fn a_request_counts_once_and_its_rest_when_the_last_clone_is_dropped() {
        let book = UsageBook::new(None, AcceptedKeys::new(), false);
        let meter = UsageMeter::new(&book);
        meter.set_client(&"alice".into());
        meter.count_units(2);
        meter.count_tokens(70);
        meter.settle();
        let late = meter.clone();
        drop(meter);
        late.count_units(-1);
        late.count_saved_unit();
        late.settle();
        late.count_saved_unit();
        drop(late);
        let counts = UsageCounts {
            requests: 1,
            units: 1,
            saved_units: 2,
            tokens: 70,
        };
        assert_eq!(counted(&book), [("client:alice".to_owned(), counts)]);
    }

    #[test]
    fn a_key_that_is_never_accepted_leaves_no_entry() {
        let accepted = AcceptedKeys::new();
        let book = UsageBook::new(None, accepted.clone(), false);
        let key = KeyHash::from_hex(&"7".repeat(32)).unwrap();
        let meter = UsageMeter::new(&book);
        meter.set_key(key);
        meter.settle();
        drop(meter);
        drop(UsageMeter::new(&book));
        UsageMeter::default().settle();
        assert!(counted(&book).is_empty());
        let meter = UsageMeter::new(&book);
        meter.set_key(key);
        meter.settle();
        accepted.accept(key);
        drop(meter);
        assert_eq!(counted(&book).len(), 1);
    }
}
