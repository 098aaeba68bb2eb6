//! What is counted as it happens: requests, connections, refusals. A request costs a few additions to atomic numbers. Not here:
//! who reads them (gather), and what only follows from the state of things.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyreeve_core::access::Action;
use keyreeve_core::{Error, ErrorKind};

/// Upper bounds of how long requests take, in microseconds.
pub(super) const BOUNDS_MICROSECONDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// Protocols that requests come by; `server` is what the server does by itself.
pub(super) const PROTOCOLS: [&str; 3] = ["rest", "kmip", "server"];

/// What becomes of a request.
pub(super) const OUTCOMES: [&str; 4] = ["ok", "denied", "waits", "failed"];

/// Listeners by name.
pub(super) const LISTENERS: [&str; 4] = ["http", "kmip", "appliances", "plain-http"];

/// Why a connection comes to nothing.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Refused {
    /// A limit on connections.
    Limit,
    /// The client has no certificate, or none that counts.
    Certificate,
    /// The client does not take the server's certificate.
    ServerCertificate,
    /// No version, cipher suite or group is shared.
    NothingShared,
    /// The first bytes are no TLS.
    NotTls,
    /// The peer closed it.
    Closed,
    /// The handshake took too long.
    TooSlow,
    /// Anything else.
    Other,
}

/// The words of `Refused`, in its order.
pub(super) const REFUSALS: [&str; 8] = [
    "limit",
    "certificate",
    "server-certificate",
    "nothing-shared",
    "not-tls",
    "closed",
    "too-slow",
    "other",
];

/// Of this process.
pub(crate) static COUNTED: Counted = Counted::new();

const ACTIONS: usize = Action::ALL.len();

/// A number that only grows.
type Count = AtomicU64;

/// All counts.
pub(crate) struct Counted {
    actions: [OfAction; ACTIONS],
    listeners: [OfListener; LISTENERS.len()],
    authentications: [Count; PROTOCOLS.len()],
}

/// Of one action.
struct OfAction {
    requests: [[Count; OUTCOMES.len()]; PROTOCOLS.len()],
    /// By the first bound that a request kept to, and behind the last.
    durations: [Count; BOUNDS_MICROSECONDS.len() + 1],
    microseconds: Count,
}

/// Of one listener.
struct OfListener {
    accepted: Count,
    ended: Count,
    refused: [Count; REFUSALS.len()],
}

/// What was read of one action.
pub(super) struct Read {
    pub(super) action: Action,
    /// By protocol and outcome.
    pub(super) requests: [[u64; OUTCOMES.len()]; PROTOCOLS.len()],
    pub(super) durations: [u64; BOUNDS_MICROSECONDS.len() + 1],
    pub(super) microseconds: u64,
}

impl Counted {
    const fn new() -> Self {
        Self {
            actions: [const { OfAction::new() }; ACTIONS],
            listeners: [const { OfListener::new() }; LISTENERS.len()],
            authentications: [const { Count::new(0) }; PROTOCOLS.len()],
        }
    }

    /// One request that has ended.
    pub(crate) fn request(
        &self,
        protocol: &'static str,
        action: Action,
        failure: Option<&Error>,
        took: Duration,
    ) {
        let outcome = match failure.map(Error::kind) {
            None => 0,
            Some(ErrorKind::Denied) => 1,
            Some(ErrorKind::ApprovalPending) => 2,
            Some(_) => 3,
        };
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROSECONDS.partition_point(|bound| *bound < microseconds);
        // INVARIANT: `ACTIONS` counts every variant, which are numbered in the order of their declaration.
        let of = &self.actions[action as usize];
        add(&of.requests[protocol_of(protocol)][outcome]);
        add(&of.durations[bucket]);
        of.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// A failed authentication.
    pub(crate) fn authentication_refused(&self, protocol: &'static str) {
        add(&self.authentications[protocol_of(protocol)]);
    }

    /// A connection that was accepted; it has ended when what is given is dropped.
    pub(crate) fn accepted(&'static self, listener: &'static str) -> Open {
        let of = self.listener(listener);
        add(&of.accepted);
        Open(of)
    }

    /// A connection that came to nothing.
    pub(crate) fn refused(&self, listener: &'static str, why: Refused) {
        add(&self.listener(listener).refused[why as usize]);
    }

    /// The actions that anybody asked for.
    pub(super) fn actions(&self) -> impl Iterator<Item = Read> {
        Action::ALL.iter().filter_map(|action| {
            let of = &self.actions[*action as usize];
            let read = Read {
                action: *action,
                requests: of.requests.each_ref().map(|outcomes| outcomes.each_ref().map(get)),
                durations: of.durations.each_ref().map(get),
                microseconds: get(&of.microseconds),
            };
            read.durations.iter().any(|count| *count > 0).then_some(read)
        })
    }

    /// Failed authentications by protocol.
    pub(super) fn authentications(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PROTOCOLS.iter().zip(&self.authentications).map(|(protocol, count)| (*protocol, get(count)))
    }

    /// Connections by listener: accepted, and open now.
    pub(super) fn connections(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        LISTENERS.iter().zip(&self.listeners).map(|(listener, of)| {
            // In this order: what ends meanwhile must not be more than what was accepted.
            let ended = get(&of.ended);
            let accepted = get(&of.accepted);
            (*listener, accepted, accepted.saturating_sub(ended))
        })
    }

    /// Connections that came to nothing, by listener and reason.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        LISTENERS.iter().zip(&self.listeners).flat_map(|(listener, of)| {
            REFUSALS.iter().zip(&of.refused).map(|(why, count)| (*listener, *why, get(count)))
        })
    }

    fn listener(&self, name: &'static str) -> &OfListener {
        // INVARIANT: every listener's name stands in the list (`every_listener_is_counted_by_its_own_name`).
        let at = LISTENERS.iter().position(|known| *known == name).unwrap_or(0);
        &self.listeners[at]
    }
}

/// A connection that counts as open.
pub(crate) struct Open(&'static OfListener);

impl Drop for Open {
    fn drop(&mut self) {
        add(&self.0.ended);
    }
}

impl OfAction {
    const fn new() -> Self {
        Self {
            requests: [const { [const { Count::new(0) }; OUTCOMES.len()] }; PROTOCOLS.len()],
            durations: [const { Count::new(0) }; BOUNDS_MICROSECONDS.len() + 1],
            microseconds: Count::new(0),
        }
    }
}

impl OfListener {
    const fn new() -> Self {
        Self {
            accepted: Count::new(0),
            ended: Count::new(0),
            refused: [const { Count::new(0) }; REFUSALS.len()],
        }
    }
}

fn protocol_of(word: &str) -> usize {
    PROTOCOLS.iter().position(|known| *known == word).unwrap_or(PROTOCOLS.len() - 1)
}

fn add(count: &Count) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn get(count: &Count) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_numbered_in_their_order() {
        for (number, action) in Action::ALL.iter().enumerate() {
            assert_eq!(*action as usize, number);
        }
    }

    #[test]
    fn a_request_is_counted_once_by_protocol_outcome_and_time() {
        let counted = Counted::new();
        let denied = Error::new(ErrorKind::Denied, "no");
        let took = Duration::from_micros;
        counted.request("rest", Action::Sign, None, took(50));
        counted.request("kmip", Action::Sign, None, took(51));
        counted.request("kmip", Action::Sign, Some(&denied), took(60_000_000));
        counted.request("elsewhere", Action::Stop, None, took(0));
        let read: Vec<Read> = counted.actions().collect();
        let [sign, stop] = &read[..] else { panic!("two actions") };
        assert_eq!((sign.action, stop.action), (Action::Sign, Action::Stop));
        assert_eq!(sign.requests, [[1, 0, 0, 0], [1, 1, 0, 0], [0; 4]]);
        assert_eq!(stop.requests[2], [1, 0, 0, 0]);
        assert_eq!((sign.durations[0], sign.durations[1], sign.durations[12]), (1, 1, 1));
        assert_eq!(sign.microseconds, 60_000_101);
    }

    #[test]
    fn what_is_open_was_accepted_and_has_not_ended() {
        static COUNTED: Counted = Counted::new();
        let (one, other) = (COUNTED.accepted("kmip"), COUNTED.accepted("kmip"));
        drop(one);
        COUNTED.refused("kmip", Refused::NotTls);
        let kmip = COUNTED.connections().find(|(listener, ..)| *listener == "kmip");
        assert_eq!(kmip, Some(("kmip", 2, 1)));
        let refused: Vec<_> = COUNTED.refusals().filter(|(.., count)| *count > 0).collect();
        assert_eq!(refused, [("kmip", "not-tls", 1)]);
        drop(other);
    }
}
