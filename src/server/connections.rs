//! Caps on connections: in all, for each caller, and which connection is closed to make room.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    activity::{Activity, ConnectionState},
    held::{Charge, MemoryAccount},
};
use crate::access::{CallerId, Full, Slot, SlotPool};

/// The divisor for the share of one address: a quarter of all connections.
///
/// With fewer than four connections there are no shares.
const PART: usize = 4;

/// The time without progress after which a stalled connection is closed before idle ones.
const LONG: Duration = Duration::from_secs(5);

/// The time without progress after which a stalled connection may be closed.
const SHORT: Duration = Duration::from_secs(1);

/// The interval at which waiting connections look for room. A connection may become stalled without
/// any event.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The number of connections that may be closing while others are accepted.
const MAX_CLOSING: usize = 16;

/// The limits of one port.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// The maximum number of open connections.
    pub open: usize,
    /// The maximum number of connections that are accepted but not read while they wait for a
    /// place.
    pub waiting: usize,
    /// The maximum memory in bytes for responses that clients have not received yet.
    pub held: usize,
}

/// The connections of a port. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections(Arc<ConnectionTable>);

#[derive(Debug)]
struct ConnectionTable {
    most: usize,
    /// The maximum number of connections of one address.
    each: usize,
    trusted: Vec<IpNet>,
    held: MemoryAccount,
    open: Mutex<Open>,
    /// Notified when a connection has ended.
    room: Notify,
    waiting: SlotPool,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    /// The number of connections that were closed to make room and have not ended yet.
    closing: usize,
    next: u64,
    callers: HashMap<CallerId, CallerConnections>,
}

/// The connections of one address.
#[derive(Debug)]
struct CallerConnections {
    /// The connections in the order in which they were accepted.
    open: BTreeMap<u64, TrackedConnection>,
    held: MemoryAccount,
}

#[derive(Debug)]
struct TrackedConnection {
    activity: Activity,
    close: CancellationToken,
}

/// A connection that may be closed to make room. Ordered by class, then by idle time; the greatest is
/// closed first.
#[derive(Clone, Copy, Debug)]
struct Victim {
    class: u8,
    still: Duration,
    caller: CallerId,
    number: u64,
}

/// The place of a connection, released when dropped.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    all: Connections,
    caller: CallerId,
    number: u64,
    pub(super) activity: Activity,
    pub(super) memory: Memory,
    /// Cancelled when the connection has to end.
    pub(super) close: CancellationToken,
}

/// The memory held by the responses to one address, with a way to free some.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    all: Connections,
    caller: CallerId,
    held: MemoryAccount,
}

/// The decision on a connection that was accepted.
#[derive(Debug)]
pub(super) enum Admission {
    /// The connection has a place.
    Place(ConnectionPlace),
    /// The connection has to wait for a place.
    Wait(Slot),
    /// Too many connections are waiting.
    Full(Full),
}

impl Connections {
    /// Creates a port without connections. The share of an address does not apply to `trusted`
    /// networks.
    pub fn new(most: Most, trusted: Vec<IpNet>) -> Self {
        let Most {
            open,
            waiting,
            held,
        } = most;
        Self(Arc::new(ConnectionTable {
            most: open,
            each: if open < PART { open } else { open / PART },
            trusted,
            held: MemoryAccount::of_all(held),
            open: Mutex::default(),
            room: Notify::new(),
            waiting: SlotPool::new(waiting),
        }))
    }

    /// Decides on a new connection from this address without waiting.
    pub(super) fn admit(&self, address: IpAddr) -> Admission {
        if let Some(place) = self.enter_making_room(address) {
            return Admission::Place(place);
        }
        match self.0.waiting.try_take(CallerId::at(address)) {
            Ok(waiting) => Admission::Wait(waiting),
            // A proxy has many callers, so its connection waits instead of being rejected.
            Err(Full::Caller) if self.is_trusted(address) => Admission::Full(Full::All),
            Err(full) => Admission::Full(full),
        }
    }

    /// Waits for a place for a connection from this address.
    pub(super) async fn enter(&self, address: IpAddr) -> ConnectionPlace {
        loop {
            let room = self.0.room.notified();
            if let Some(place) = self.enter_making_room(address) {
                return place;
            }
            let _ = timeout(LOOK_EVERY, room).await;
        }
    }

    /// Waits while too many closed connections have not ended: each still has a descriptor.
    pub(super) async fn until_closed(&self) {
        loop {
            let room = self.0.room.notified();
            if self.lock().closing < MAX_CLOSING {
                return;
            }
            room.await;
        }
    }

    /// Waits until one of the waiting connections has left, or for `LOOK_EVERY`.
    pub(super) async fn until_fewer_wait(&self) {
        let room = self.0.room.notified();
        let _ = timeout(LOOK_EVERY, room).await;
    }

    /// Takes a place for a connection from this address, closing another one if necessary.
    ///
    /// An address that has its share makes room among its own connections. At the cap every
    /// connection is a candidate, in the order of [`rank`].
    fn enter_making_room(&self, address: IpAddr) -> Option<ConnectionPlace> {
        let caller = CallerId::at(address);
        let is_trusted = self.is_trusted(address);
        let (mut open, now) = (self.lock(), Instant::now());
        let own = open.callers.get(&caller).map_or(0, |it| it.open.len());
        // Checked first, so that an address cannot close another one's connections by opening more.
        if own >= self.0.each && !is_trusted {
            let victim = open.victim_of(caller, now)?;
            open.close(victim);
        } else if open.count >= self.0.most {
            let victim = open.victim(now)?;
            open.close(victim);
        }
        Some(self.enter_now(&mut open, address, is_trusted))
    }

    fn enter_now(&self, open: &mut Open, address: IpAddr, is_trusted: bool) -> ConnectionPlace {
        let caller = CallerId::at(address);
        let number = open.next;
        open.next += 1;
        open.count += 1;
        let own = open
            .callers
            .entry(caller)
            .or_insert_with(|| CallerConnections {
                open: BTreeMap::new(),
                held: MemoryAccount::below(&self.0.held, is_trusted),
            });
        let place = ConnectionPlace {
            all: self.clone(),
            caller,
            number,
            activity: Activity::default(),
            memory: Memory {
                all: self.clone(),
                caller,
                held: own.held.clone(),
            },
            close: CancellationToken::new(),
        };
        let connection = TrackedConnection {
            activity: place.activity.clone(),
            close: place.close.clone(),
        };
        own.open.insert(number, connection);
        place
    }

    /// Closes the connection that makes room first. Returns whether there was one.
    pub(super) fn make_room(&self) -> bool {
        let (mut open, now) = (self.lock(), Instant::now());
        let victim = open.victim(now);
        victim.is_some_and(|victim| open.close(victim))
    }

    /// Closes the connection with unreceived responses that has stalled longest, of this caller or
    /// of all.
    fn close_stalled(&self, caller: Option<CallerId>) {
        let (mut open, now) = (self.lock(), Instant::now());
        let victim = match caller {
            Some(caller) => open.victim_of(caller, now),
            None => open.victim(now),
        };
        if let Some(victim) = victim.filter(|victim| victim.class != IDLE && victim.class != SILENT)
        {
            open.close(victim);
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0
            .trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Locks the connections. A panic while they were locked leaves consistent state behind, so
    /// poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SILENT: u8 = 4;
const LONG_STALLED: u8 = 3;
const IDLE: u8 = 2;
const STALLED: u8 = 1;

/// Returns the class of a connection and the time that it has stood still, or `None` if it is busy.
///
/// A connection that never sent a complete head goes first, then one that has stalled for long,
/// then an idle one, then one that has stalled for a shorter time.
fn rank(state: ConnectionState) -> Option<(u8, Duration)> {
    match state {
        // All silent connections rank alike, so the oldest is closed.
        ConnectionState::Silent => Some((SILENT, Duration::ZERO)),
        ConnectionState::Stalled(still) if still >= LONG => Some((LONG_STALLED, still)),
        ConnectionState::Idle(still) => Some((IDLE, still)),
        ConnectionState::Stalled(still) if still >= SHORT => Some((STALLED, still)),
        ConnectionState::Stalled(_) | ConnectionState::Busy => None,
    }
}

impl Open {
    /// Returns the connection of a caller that makes room first.
    fn victim_of(&self, caller: CallerId, now: Instant) -> Option<Victim> {
        let mut first: Option<Victim> = None;
        for (&number, connection) in &self.callers.get(&caller)?.open {
            let Some((class, still)) = rank(connection.activity.state(now)) else {
                continue;
            };
            let is_sooner = first.is_none_or(|it| (class, still) > (it.class, it.still));
            if is_sooner {
                first = Some(Victim {
                    class,
                    still,
                    caller,
                    number,
                });
            }
            if class == SILENT {
                // The connections are in the order of their arrival, so this is the oldest silent
                // one.
                break;
            }
        }
        first
    }

    /// Returns the connection of any caller that makes room first.
    fn victim(&self, now: Instant) -> Option<Victim> {
        let each = self.callers.keys();
        let victims = each.filter_map(|caller| self.victim_of(*caller, now));
        victims.max_by_key(|it| (it.class, it.still, std::cmp::Reverse(it.number)))
    }

    fn close(&mut self, victim: Victim) -> bool {
        let closed = self.remove(victim.caller, victim.number);
        if let Some(connection) = &closed {
            self.closing += 1;
            connection.close.cancel();
        }
        closed.is_some()
    }

    fn remove(&mut self, caller: CallerId, number: u64) -> Option<TrackedConnection> {
        let own = self.callers.get_mut(&caller)?;
        let removed = own.open.remove(&number)?;
        self.count -= 1;
        if own.open.is_empty() {
            self.callers.remove(&caller);
        }
        Some(removed)
    }
}

impl Memory {
    /// Charges the memory that a request takes before it has a response.
    pub(super) fn charge_request(&self, bytes: usize) -> Charge {
        self.held.charge_alone(bytes)
    }

    /// Charges `bytes` of a response.
    pub(super) fn charge(&self, bytes: usize) -> Charge {
        self.held.charge(bytes)
    }

    /// Whether there is room for `bytes`.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.held.has_room(bytes)
    }

    /// Closes the connection that has stalled longest: of this address if it exceeds its own limit,
    /// else of all.
    pub(super) fn relieve(&self) {
        let caller = self.held.is_full().then_some(self.caller);
        self.all.close_stalled(caller);
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut open = self.all.lock();
        if open.remove(self.caller, self.number).is_none() {
            open.closing -= 1;
        }
        drop(open);
        self.all.0.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(open: usize, trusted: &[&str]) -> Connections {
        let most = Most {
            open,
            waiting: 4,
            held: 4096,
        };
        let trusted = trusted.iter().map(|it| it.parse().unwrap()).collect();
        Connections::new(most, trusted)
    }

    fn enter(all: &Connections, address: &str) -> Option<ConnectionPlace> {
        all.enter_making_room(address.parse().unwrap())
    }

    fn begin(place: &ConnectionPlace) -> impl Sized + use<> {
        place.activity.begin(place.memory.charge(1))
    }

    #[test]
    fn the_oldest_silent_connection_makes_room_first() {
        let all = connections(3, &[]);
        let enter = || enter(&all, "192.0.2.1").unwrap();
        let (busy, was_busy, silent) = (enter(), enter(), enter());
        let running = begin(&busy);
        drop(begin(&was_busy));
        let fourth = enter();
        assert!(silent.close.is_cancelled() && !was_busy.close.is_cancelled());
        let _kept = begin(&fourth);
        let _fifth = enter();
        assert!(was_busy.close.is_cancelled() && !busy.close.is_cancelled());
        drop(running);
        let _sixth = enter();
        assert_eq!(all.lock().count, 3);
    }

    #[tokio::test]
    async fn a_connection_waits_while_all_others_are_busy() {
        let all = connections(1, &[]);
        let address = IpAddr::from([192, 0, 2, 1]);
        let first = all.enter_making_room(address).unwrap();
        let running = begin(&first);
        assert!(matches!(all.admit(address), Admission::Wait(_)));
        let (second, ()) = tokio::join!(all.enter(address), async { drop((running, first)) });
        assert!(!second.close.is_cancelled());
        assert_eq!(all.lock().count, 1);
    }

    #[test]
    fn an_address_at_its_quarter_makes_room_among_its_own_connections() {
        let all = connections(8, &["198.51.100.0/24"]);
        let other = enter(&all, "192.0.2.2").unwrap();
        let own = [1, 1].map(|_| enter(&all, "2001:db8::1").unwrap());
        // Addresses of one /64 network count as one caller.
        let _third = enter(&all, "2001:db8::ffff").unwrap();
        assert!(own[0].close.is_cancelled() && !own[1].close.is_cancelled());
        assert!(!other.close.is_cancelled());
        let proxy: Vec<_> = (0..5)
            .map(|_| enter(&all, "198.51.100.7").unwrap())
            .collect();
        assert!(proxy.iter().all(|it| !it.close.is_cancelled()));
        assert_eq!(all.lock().count, 8);
    }

    #[test]
    fn a_caller_with_busy_connections_only_waits_and_others_do_not() {
        let all = connections(8, &[]);
        let own = [1, 1].map(|_| enter(&all, "192.0.2.1").unwrap());
        let _running = [begin(&own[0]), begin(&own[1])];
        let address = IpAddr::from([192, 0, 2, 1]);
        let Admission::Wait(_waiting) = all.admit(address) else {
            panic!("it has its share");
        };
        assert!(matches!(all.admit(address), Admission::Full(Full::Caller)));
        assert!(matches!(
            all.admit([192, 0, 2, 2].into()),
            Admission::Place(_)
        ));
    }

    #[test]
    fn long_stalled_connections_are_closed_before_idle_ones() {
        let ranked = [
            ConnectionState::Silent,
            ConnectionState::Stalled(Duration::from_secs(9)),
            ConnectionState::Stalled(Duration::from_secs(6)),
            ConnectionState::Idle(Duration::from_secs(100)),
            ConnectionState::Idle(Duration::ZERO),
            ConnectionState::Stalled(Duration::from_secs(2)),
        ];
        let ranks: Vec<_> = ranked.into_iter().map(|it| rank(it).unwrap()).collect();
        assert!(ranks.is_sorted_by(|one, next| one > next), "{ranks:?}");
        assert_eq!(rank(ConnectionState::Stalled(Duration::ZERO)), None);
        assert_eq!(rank(ConnectionState::Busy), None);
    }

    #[test]
    fn an_address_without_connections_is_removed() {
        let all = connections(8, &[]);
        drop(enter(&all, "192.0.2.1").unwrap());
        assert!(all.lock().callers.is_empty());
    }
}
