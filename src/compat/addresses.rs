//! One-time addresses for uploads, each held for the caller that asked for it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use url::Url;

use crate::access::KeyHash;

/// The time for which an address is valid.
const LIFE: Duration = Duration::from_hours(1);

/// The addresses that are held at once, and those of one caller.
const MOST: usize = 4096;
const MOST_OF_CALLER: usize = 256;

/// The addresses that were given and not used yet.
#[derive(Debug, Default)]
pub(super) struct UploadAddresses(Mutex<HashMap<String, HeldAddress>>);

/// The caller for which an address is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddressOwner {
    /// The key that the caller spends.
    pub(super) key: KeyHash,
    /// The hash of its token, if it is a client.
    pub(super) client: Option<KeyHash>,
}

/// The destination of an upload.
#[derive(Clone, Debug)]
pub(super) struct UploadDestination {
    /// The one-time URL that VirusTotal gave.
    pub(super) url: Url,
    /// Whether the file is scanned in private.
    pub(super) is_private: bool,
}

#[derive(Debug)]
struct HeldAddress {
    owner: AddressOwner,
    destination: UploadDestination,
    given: Instant,
}

impl UploadAddresses {
    /// Holds a destination for a caller, and returns the token that names it.
    ///
    /// The oldest of the caller's, or of all, makes room for it.
    pub(super) fn hold(
        &self,
        owner: AddressOwner,
        destination: UploadDestination,
        now: Instant,
    ) -> String {
        let token = format!("{:032x}", random());
        let mut held = self.0.lock();
        held.retain(|_, address| address.is_valid(now));
        make_room(&mut held, MOST_OF_CALLER, |address| address.owner == owner);
        make_room(&mut held, MOST, |_| true);
        let address = HeldAddress {
            owner,
            destination,
            given: now,
        };
        held.insert(token.clone(), address);
        token
    }

    /// Takes the destination that a token names, if it is held for this caller. It can be taken
    /// once.
    pub(super) fn take(
        &self,
        token: &str,
        owner: AddressOwner,
        now: Instant,
    ) -> Option<UploadDestination> {
        let mut held = self.0.lock();
        let address = held.get(token)?;
        if address.owner != owner || !address.is_valid(now) {
            return None;
        }
        Some(held.remove(token)?.destination)
    }
}

impl HeldAddress {
    fn is_valid(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.given) < LIFE
    }
}

/// Removes the oldest of these addresses until there are fewer than `most`.
fn make_room(
    held: &mut HashMap<String, HeldAddress>,
    most: usize,
    is_meant: impl Fn(&HeldAddress) -> bool,
) {
    while held.values().filter(|address| is_meant(address)).count() >= most {
        let meant = held.iter().filter(|(_, address)| is_meant(address));
        let oldest = meant.min_by_key(|(_, address)| address.given);
        let Some(token) = oldest.map(|(token, _)| token.clone()) else {
            return;
        };
        held.remove(&token);
    }
}

/// Returns a number that can't be guessed.
fn random() -> u128 {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u128::from_le_bytes(bytes),
        // Without the system's source; the caller is checked as well.
        Err(_) => fastrand::u128(..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ApiKey;

    fn owner(key: &str) -> AddressOwner {
        AddressOwner {
            key: ApiKey::parse(key.as_bytes()).unwrap().hash(),
            client: None,
        }
    }

    fn destination(path: &str) -> UploadDestination {
        UploadDestination {
            url: Url::parse("https://www.virustotal.com")
                .unwrap()
                .join(path)
                .unwrap(),
            is_private: false,
        }
    }

    #[test]
    fn an_address_is_for_one_upload_of_its_caller_within_an_hour() {
        let (addresses, now) = (UploadAddresses::default(), Instant::now());
        let token = addresses.hold(owner("a"), destination("/x"), now);
        assert!(addresses.take(&token, owner("b"), now).is_none());
        let as_client = AddressOwner {
            client: Some(owner("t").key),
            ..owner("a")
        };
        assert!(addresses.take(&token, as_client, now).is_none());
        assert!(addresses.take("x", owner("a"), now).is_none());
        let first = addresses.take(&token, owner("a"), now + LIFE / 2).unwrap();
        assert_eq!(first.url.path(), "/x");
        assert!(addresses.take(&token, owner("a"), now).is_none());
        let late = addresses.hold(owner("a"), destination("/x"), now);
        assert!(addresses.take(&late, owner("a"), now + LIFE).is_none());
    }

    #[test]
    fn the_oldest_makes_room() {
        let (addresses, now) = (UploadAddresses::default(), Instant::now());
        let other = addresses.hold(owner("b"), destination("/x"), now);
        let at = |n: usize| now + Duration::from_millis(u64::try_from(n).unwrap() + 1);
        let tokens: Vec<_> = (0..=MOST_OF_CALLER)
            .map(|n| addresses.hold(owner("a"), destination("/x"), at(n)))
            .collect();
        assert!(addresses.take(&tokens[0], owner("a"), at(0)).is_none());
        assert!(addresses.take(&tokens[1], owner("a"), at(0)).is_some());
        assert!(addresses.take(&other, owner("b"), at(0)).is_some());
    }
}
