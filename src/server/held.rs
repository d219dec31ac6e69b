//! The memory of answers that clients have not received yet, counted by address.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The divisor for the share of one address: a quarter, as of connections.
const PART: usize = 4;

/// A count of bytes with a limit.
///
/// The bytes of an address also count towards the account of all addresses.
#[derive(Debug)]
pub(crate) struct Account {
    held: AtomicUsize,
    most: usize,
    above: Option<Arc<Self>>,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Option<Arc<Account>>,
    bytes: usize,
    /// Whether the bytes do not count towards the account of all addresses.
    is_alone: bool,
}

impl Account {
    /// Creates the account of all addresses.
    pub(crate) fn of_all(most: usize) -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
            most,
            above: None,
        })
    }

    /// Creates the account of one address below that of all. A trusted proxy may use the whole
    /// limit.
    pub(crate) fn below(all: &Arc<Self>, is_trusted: bool) -> Arc<Self> {
        let most = if is_trusted {
            all.most
        } else {
            all.most / PART
        };
        Arc::new(Self {
            held: AtomicUsize::new(0),
            most,
            above: Some(Arc::clone(all)),
        })
    }

    /// Counts bytes for this address only.
    ///
    /// A request is counted before it can be rejected, so it must not take room from other
    /// addresses.
    pub(crate) fn charge_alone(self: &Arc<Self>, bytes: usize) -> Charge {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            account: Some(Arc::clone(self)),
            bytes,
            is_alone: true,
        }
    }

    /// Counts bytes for this address and for all.
    pub(crate) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        if let Some(all) = &self.above {
            all.held.fetch_add(bytes, Ordering::Relaxed);
        }
        Charge {
            account: Some(Arc::clone(self)),
            bytes,
            is_alone: false,
        }
    }

    /// Whether `bytes` more are within the limits. An answer of any size is, if almost nothing else
    /// is held.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let held = self.held.load(Ordering::Relaxed);
        // An address that holds little may exceed its limit once, or a large answer could never be
        // sent.
        let fits = held.saturating_add(bytes) <= self.most || held < self.most / PART;
        fits && self.above.as_ref().is_none_or(|all| all.has_room(bytes))
    }

    /// Whether this account exceeds its own limit, as opposed to that of all addresses.
    pub(crate) fn is_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.most
    }
}

impl Charge {
    /// Creates a charge to no account.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            account: None,
            bytes: 0,
            is_alone: true,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Some(account) = &self.account else {
            return;
        };
        account.held.fetch_sub(self.bytes, Ordering::Relaxed);
        if let (Some(all), false) = (&account.above, self.is_alone) {
            all.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_holds_a_quarter_but_a_single_answer_of_any_size_fits() {
        let all = Account::of_all(400);
        let (one, other) = (Account::below(&all, false), Account::below(&all, false));
        let proxy = Account::below(&all, true);
        assert!(one.has_room(1000));
        let held = one.charge(90);
        assert!(one.has_room(10) && !one.has_room(11) && !one.is_full());
        assert!(other.has_room(100) && proxy.has_room(310));
        let alone = other.charge_alone(100);
        assert!(other.is_full() && proxy.has_room(310));
        drop(alone);
        let others = proxy.charge(300);
        assert!(other.has_room(10) && !other.has_room(20));
        drop((held, others));
        assert!(one.has_room(1000) && all.held.load(Ordering::Relaxed) == 0);
    }
}
