//! The memory of responses that clients have not received yet, counted by address.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The divisor for the share of one address: a quarter, as of connections.
const PART: usize = 4;

/// A count of bytes with a limit. Clones share it.
///
/// The bytes of an address also count towards the account of all addresses.
#[derive(Clone, Debug)]
pub(crate) struct MemoryAccount(Arc<AccountState>);

#[derive(Debug)]
struct AccountState {
    held: AtomicUsize,
    most: usize,
    above: Option<MemoryAccount>,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Option<MemoryAccount>,
    bytes: usize,
    /// Whether the bytes do not count towards the account of all addresses.
    is_alone: bool,
}

/// A charge that counts until the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct SharedCharge {
    _charge: Arc<Charge>,
}

impl MemoryAccount {
    /// Creates the account of all addresses.
    pub(crate) fn of_all(most: usize) -> Self {
        Self::new(most, None)
    }

    /// Creates the account of one address below that of all. A trusted proxy may use the whole
    /// limit.
    pub(crate) fn below(all: &Self, is_trusted: bool) -> Self {
        let part = if is_trusted { 1 } else { PART };
        Self::new(all.0.most / part, Some(all.clone()))
    }

    fn new(most: usize, above: Option<Self>) -> Self {
        Self(Arc::new(AccountState {
            held: AtomicUsize::new(0),
            most,
            above,
        }))
    }

    /// Counts bytes for this address only.
    ///
    /// A request is counted before it can be rejected, so it must not take room from other
    /// addresses.
    pub(crate) fn charge_alone(&self, bytes: usize) -> Charge {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            account: Some(self.clone()),
            bytes,
            is_alone: true,
        }
    }

    /// Counts bytes for this address and for all.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        if let Some(all) = &self.0.above {
            all.0.held.fetch_add(bytes, Ordering::Relaxed);
        }
        Charge {
            account: Some(self.clone()),
            bytes,
            is_alone: false,
        }
    }

    /// Whether `bytes` more are within the limits. Always true while less than a quarter of the
    /// limit is held.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let held = self.0.held.load(Ordering::Relaxed);
        // An address that holds little may exceed its limit once, or a large response could never
        // be sent.
        let fits = held.saturating_add(bytes) <= self.0.most || held < self.0.most / PART;
        fits && self.0.above.as_ref().is_none_or(|all| all.has_room(bytes))
    }

    /// Whether this account exceeds its own limit, as opposed to that of all addresses.
    pub(crate) fn is_full(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) >= self.0.most
    }
}

impl Charge {
    /// Makes the charge count for several owners.
    pub(super) fn share(self) -> SharedCharge {
        SharedCharge {
            _charge: Arc::new(self),
        }
    }

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
        account.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
        if let (Some(all), false) = (&account.0.above, self.is_alone) {
            all.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_holds_a_quarter_but_a_single_response_of_any_size_fits() {
        let all = MemoryAccount::of_all(400);
        let (one, other) = (
            MemoryAccount::below(&all, false),
            MemoryAccount::below(&all, false),
        );
        let proxy = MemoryAccount::below(&all, true);
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
        assert!(one.has_room(1000) && all.0.held.load(Ordering::Relaxed) == 0);
    }
}
