//! How many requests a client and an address may send in a second, a minute and a day. Not here: failed logins, each of which
//! makes the next wait (attempts), and connections (listen).
//!
//! A window begins with the second, minute or day by UTC: within two windows' border twice as many may come. Counts are kept in
//! memory alone, and begin anew with the server.

use std::collections::HashMap;
use std::hash::Hash;

use keyreeve_core::{Error, ErrorKind};
use parking_lot::{Mutex, RwLock};

/// Seconds of each window, and its name.
const WINDOWS: [(i64, &str); 3] = [(1, "second"), (60, "minute"), (86_400, "day")];
/// Who is counted apart at most; those beyond are counted together.
const APART_MAX: usize = 65_536;

/// Requests in a second, in a minute and in a day at most; 0: any number.
pub type RequestsMax = [u32; 3];

/// Requests of each one of a kind: client, or address.
pub(super) struct Rates<K> {
    /// What it is called in the settings.
    kind: &'static str,
    most: RwLock<RequestsMax>,
    counts: Mutex<Counts<K>>,
}

struct Counts<K> {
    apart: HashMap<K, Count>,
    together: Count,
    swept_second: i64,
}

/// In each window: which it is, and how many came.
#[derive(Clone, Copy, Default)]
struct Count([(i64, u32); 3]);

impl Count {
    fn turn(&mut self, second: i64) {
        for ((window, came), (seconds, _)) in self.0.iter_mut().zip(WINDOWS) {
            let now = second.div_euclid(seconds);
            if *window != now {
                (*window, *came) = (now, 0);
            }
        }
    }

    /// Whether anything of it still counts.
    fn counts(&self, second: i64, most: RequestsMax) -> bool {
        let windows = self.0.iter().zip(WINDOWS).zip(most);
        windows.into_iter().any(|(((window, came), (seconds, _)), most)| {
            most > 0 && *came > 0 && *window == second.div_euclid(seconds)
        })
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// Of a kind; without limits, until they are set.
    pub(super) fn new(kind: &'static str) -> Self {
        let counts = Counts { apart: HashMap::new(), together: Count::default(), swept_second: 0 };
        Self { kind, most: RwLock::default(), counts: Mutex::new(counts) }
    }

    /// Takes so many from now on; what came before counts.
    pub(super) fn set(&self, most: RequestsMax) {
        *self.most.write() = most;
    }

    /// Counts a request, where it may come. One that is refused counts in no window.
    ///
    /// # Errors
    /// `LimitExceeded`, with the seconds after which another one is taken.
    pub(super) fn admit(&self, whose: K, second: i64) -> Result<(), Error> {
        let most = *self.most.read();
        if most == [0; 3] {
            return Ok(());
        }
        let counts = &mut *self.counts.lock();
        if counts.apart.len() >= APART_MAX && counts.swept_second != second {
            counts.swept_second = second;
            counts.apart.retain(|_, count| count.counts(second, most));
        }
        let is_apart = counts.apart.len() < APART_MAX || counts.apart.contains_key(&whose);
        let count = if is_apart { counts.apart.entry(whose).or_default() } else { &mut counts.together };
        count.turn(second);
        for ((&(_, came), (seconds, name)), most) in count.0.iter().zip(WINDOWS).zip(most).rev() {
            if most > 0 && came >= most {
                let kind = self.kind;
                let public = format!(
                    "too many requests: {most} in a {name} at most (limits.{kind}_requests_per_{name}_max)"
                );
                let wait = u32::try_from(seconds - second.rem_euclid(seconds)).unwrap_or(1);
                return Err(Error::new(ErrorKind::LimitExceeded, public).retry_after(wait));
            }
        }
        count.0.iter_mut().for_each(|(_, came)| *came = came.saturating_add(1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds to wait; none where it may come.
    fn waits(rates: &Rates<u32>, whose: u32, second: i64) -> Option<u32> {
        rates.admit(whose, second).err().map(|error| error.retry_seconds().unwrap())
    }

    #[test]
    fn each_window_counts_by_itself_and_the_longest_tells_when_to_come_again() {
        let rates = Rates::new("client");
        let day = 86_400 * 20_000;
        assert!((0..10_000).all(|_| waits(&rates, 1, day).is_none()), "there is no limit yet");
        rates.set([2, 4, 6]);
        assert_eq!([0; 3].map(|_| waits(&rates, 1, day)), [None, None, Some(1)]);
        assert_eq!(waits(&rates, 2, day), None, "each has its own");
        assert_eq!([1; 3].map(|later| waits(&rates, 1, day + later)), [None, None, Some(59)]);
        assert_eq!([60; 3].map(|later| waits(&rates, 1, day + later)), [None, None, Some(86_340)]);
        assert_eq!(waits(&rates, 1, day + 86_399), Some(1));
        assert_eq!(waits(&rates, 1, day + 86_400), None);
        rates.set([0, 0, 0]);
        assert_eq!([0; 9].map(|_| waits(&rates, 1, day + 86_400)), [None; 9]);
    }

    #[test]
    fn what_is_refused_is_told_by_its_setting() {
        let rates = Rates::new("address");
        rates.set([0, 1, 0]);
        rates.admit(1, 0).unwrap();
        let error = rates.admit(1, 0).unwrap_err();
        assert!(error.public().contains("limits.address_requests_per_minute_max"), "{error}");
    }

    #[test]
    fn a_flood_of_addresses_is_counted_within_bounds_and_frees_nobody() {
        let rates = Rates::new("address");
        rates.set([2, 0, 0]);
        assert_eq!([0; 3].map(|_| waits(&rates, 0, 0)), [None, None, Some(1)]);
        let taken = (1..200_000).filter(|whose| waits(&rates, *whose, 0).is_none()).count();
        assert_eq!(taken, APART_MAX - 1 + 2, "those beyond are counted together");
        assert_eq!(rates.counts.lock().apart.len(), APART_MAX);
        assert_eq!(waits(&rates, 0, 0), Some(1));
        // What counts no more makes room.
        assert_eq!(waits(&rates, 200_000, 1), None);
        assert_eq!(rates.counts.lock().apart.len(), 1);
    }
}
