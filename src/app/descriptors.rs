//! Limits on connections, derived from the process's file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::{config::Server, server::Most};

/// The descriptors reserved for files, Redis, logs and the runtime.
const FOR_OTHERS: u64 = 64;

/// The divisor for the part of all connections that may wait for a place.
const WAITING: usize = 8;

/// The maximum number of connections that may wait for a place.
const MAX_WAITING: usize = 256;

/// The maximum number of connections of the admin port.
const MAX_ADMIN: usize = 64;

/// The maximum memory in bytes for unreceived responses on a port.
const MAX_HELD: usize = 192 * 1024 * 1024;

/// Raises the process's descriptor limit to the hard limit.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        // If this fails the lower limit stays, and `bounds` reads it.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// Returns the limits of the public port.
///
/// The number of connections is the configured one, or a lower one with a warning if there are too
/// few descriptors.
pub(super) fn bounds(server: &Server, is_demo: bool) -> Most {
    let wanted = server.max_connections.get();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let open = wanted.min(affordable(limit, server, is_demo));
    if open < wanted {
        warn!(
            descriptors = limit,
            connections = open,
            "VT4AI_MAX_CONNECTIONS lowered to {open}: {wanted} would need more than the \
             {limit} descriptors that this process may have (`ulimit -n`)"
        );
    }
    Most {
        open,
        waiting: waiting(open),
        held: MAX_HELD,
    }
}

/// Returns the limits of the admin port.
pub(super) fn admin_bounds() -> Most {
    Most {
        open: MAX_ADMIN,
        waiting: MAX_ADMIN / WAITING,
        held: MAX_HELD,
    }
}

/// Returns the number of connections for which `limit` descriptors suffice.
fn affordable(limit: u64, server: &Server, is_demo: bool) -> usize {
    let upstream = (server.max_in_flight.get() as u64).min(limit / 4);
    // The stand-in holds the other end of each upstream connection in this process.
    let upstream = if is_demo { 2 * upstream } else { upstream };
    let admin = server.admin_port.map_or(0, |_| MAX_ADMIN as u64);
    let left = limit.saturating_sub(FOR_OTHERS + upstream + admin);
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    (left - waiting(left)).max(1)
}

fn waiting(open: usize) -> usize {
    (open / WAITING).min(MAX_WAITING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Command, Config};

    fn server(arguments: &[&str]) -> Server {
        let all = ["vt4ai"].iter().chain(arguments);
        let Ok(Command::Serve(config)) = Command::parse(all) else {
            panic!("these settings are not taken");
        };
        let Config { server, .. } = *config;
        server
    }

    #[test]
    fn some_descriptors_are_reserved_for_upstream_and_waiting_connections() {
        let server = server(&[]);
        assert!(affordable(20_000, &server, false) > 1024);
        assert_eq!(affordable(1024, &server, false), 616);
        assert_eq!(affordable(1024, &server, true), 392);
        assert_eq!(affordable(0, &server, false), 1);
        assert!(affordable(u64::MAX, &server, false) > 1 << 40);
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_limit() {
        raise_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
