//! Limits on connections: how many, of whom, and how long a handshake, a silence and a drain may take. Not here: limits
//! on messages and requests, which each front-end keeps, since only it knows where a message ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyreeve_core::per_second::PerSecond;
use parking_lot::{Mutex, RwLock};

use super::activity::Activity;
use super::places::Open;
use crate::source::Source;

/// This part of the places is left to handshakes where others can make room.
const HANDSHAKES_PART: usize = 8;

/// Log lines in a second about connections of one source that were refused.
const REFUSALS_TOLD_MAX: u32 = 5;

/// Log lines in a second about refused connections of all sources.
const REFUSALS_TOLD_TOTAL_MAX: u32 = 50;

/// The settings behind [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Open connections at most, those in a handshake included.
    pub connections_max: usize,
    /// Open connections of one source at most: of an IPv4 address, or of the /64 network of an IPv6 address.
    pub connections_per_source_max: usize,
    /// Seconds from accept to the end of the TLS handshake.
    pub handshake_seconds_max: u64,
    /// Seconds without a byte in either direction. A front-end that streams sends a sign of life more often.
    pub idle_seconds_max: u64,
    /// Seconds that an answer may take to leave; a long one gets more.
    pub answer_seconds_max: u64,
    /// Seconds that open requests get to finish after a shutdown was asked for.
    pub drain_seconds_max: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_per_source_max: 1024,
            handshake_seconds_max: 10,
            idle_seconds_max: 300,
            answer_seconds_max: 60,
            drain_seconds_max: 30,
        }
    }
}

/// Limits of one listener, so that who fills one leaves the others alone. A clone counts the same connections.
#[derive(Clone)]
pub struct Limits {
    begin: Instant,
    shared: Arc<Shared>,
}

struct Shared {
    settings: RwLock<LimitSettings>,
    open: Mutex<Open>,
    refusals: PerSecond<Source>,
}

/// Which limit leaves no place for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    #[error("this listener has {0} open, its limit (limits.connections_max)")]
    Listener(usize),
    #[error("its source has {0} open, the limit of one (limits.connections_per_source_max)")]
    Source(usize),
}

/// The place of one connection, given back when dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    source: Source,
    number: u64,
    /// What the connection does; tells it too where it has to make room.
    pub(super) activity: Arc<Activity>,
}

impl Limits {
    /// Limits with no connection open.
    pub fn new(settings: LimitSettings) -> Self {
        let refusals = PerSecond::new(REFUSALS_TOLD_MAX, REFUSALS_TOLD_TOTAL_MAX);
        let shared = Shared { settings: RwLock::new(settings), open: Mutex::default(), refusals };
        Self { begin: Instant::now(), shared: Arc::new(shared) }
    }

    /// Keeps to other limits from now on; what is open beyond them stays.
    pub fn set(&self, settings: LimitSettings) {
        *self.shared.settings.write() = settings;
    }

    fn settings(&self) -> LimitSettings {
        *self.shared.settings.read()
    }

    /// Connections open now.
    pub fn connections_open(&self) -> usize {
        self.shared.open.lock().total()
    }

    pub(super) fn handshake_max(&self) -> Duration {
        Duration::from_secs(self.settings().handshake_seconds_max)
    }

    pub(super) fn idle_max(&self) -> Duration {
        Duration::from_secs(self.settings().idle_seconds_max)
    }

    pub(super) fn drain_max(&self) -> Duration {
        Duration::from_secs(self.settings().drain_seconds_max)
    }

    pub(super) fn answer_max(&self) -> Duration {
        Duration::from_secs(self.settings().answer_seconds_max)
    }

    /// Takes a place for one connection of this address.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let (source, settings) = (Source::from(address), self.settings());
        let mut open = self.shared.open.lock();
        let of_source = open.of_source(source);
        if of_source >= settings.connections_per_source_max {
            return Err(NoPlace::Source(of_source));
        }
        let (total, connections_max) = (open.total(), settings.connections_max);
        // INVARIANT: who has not finished a handshake takes the place of none who was authenticated, and of none who has
        // finished one but of a source that has far more, or after a time in which it could have said who it is.
        if total >= connections_max && !open.make_room(of_source, false, connections_max) {
            return Err(NoPlace::Listener(total));
        }
        let activity = Arc::new(Activity::new());
        let number = open.add(source, Arc::clone(&activity));
        drop(open);
        Ok(Place { shared: Arc::clone(&self.shared), source, number, activity })
    }

    /// Whether the log tells of a refused connection of this address, and then how many before it it did not tell of.
    pub(super) fn tell(&self, address: IpAddr) -> Option<u64> {
        let second = i64::try_from(self.begin.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.shared.refusals.admit(Source::from(address), second)
    }
}

impl Place {
    /// The handshake is done. Where that leaves too few places for handshakes, a quiet one makes room whose own is done.
    pub(super) fn prove(&self) {
        let connections_max = self.shared.settings.read().connections_max;
        let mut open = self.shared.open.lock();
        let of_source = open.of_source(self.source);
        let proven_max = connections_max - connections_max / HANDSHAKES_PART;
        if open.prove(self.source, self.number) && open.proven() > proven_max {
            open.make_room(of_source, true, connections_max);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.open.lock().remove(self.source, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::{QUIET, STRANGER_AGE_MAX};
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_source_cannot_take_all_places() {
        let settings =
            LimitSettings { connections_max: 3, connections_per_source_max: 2, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let first = limits.admit(address("2001:db8::1")).unwrap();
        let _second = limits.admit(address("2001:db8::2")).unwrap();
        assert_eq!(limits.admit(address("2001:db8::3")).err(), Some(NoPlace::Source(2)));
        let _other = limits.admit(address("192.0.2.1")).unwrap();
        assert_eq!(limits.admit(address("192.0.2.2")).err(), Some(NoPlace::Listener(3)));
        drop(first);
        assert_eq!(limits.connections_open(), 2);
        let _again = limits.admit(address("2001:db8::3")).unwrap();
    }

    #[test]
    fn where_all_places_are_taken_the_quietest_of_who_has_most_makes_room() {
        let settings =
            LimitSettings { connections_max: 5, connections_per_source_max: 4, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let admit = |text: &str| limits.admit(address(text));
        let [first, second, third, fourth] = [(); 4].map(|()| admit("192.0.2.1").unwrap());
        let other = admit("192.0.2.2").unwrap();
        for place in [&first, &second, &third, &fourth, &other] {
            place.activity.known().set();
        }
        assert_eq!(admit("192.0.2.3").err(), Some(NoPlace::Listener(5)), "nobody was quiet for long");
        first.activity.rest(QUIET);
        second.activity.rest(QUIET * 2);
        third.activity.rest(QUIET * 3);
        other.activity.rest(QUIET * 4);
        let work = third.activity.working().begin();
        assert_eq!(
            admit("192.0.2.1").err(),
            Some(NoPlace::Source(4)),
            "who has most makes no room for itself"
        );
        let new = admit("192.0.2.3").unwrap();
        let ending = [&first, &second, &third, &fourth, &other].map(|place| place.activity.has_to_end());
        assert_eq!(ending, [false, true, false, false, false]);
        assert_eq!(limits.connections_open(), 5);
        drop((second, work));
        assert_eq!(limits.connections_open(), 5, "its place was given away already");
        drop((first, third, fourth, other, new));
        assert!(limits.shared.open.lock().is_empty());
    }

    #[test]
    fn who_has_not_finished_a_handshake_takes_the_place_of_none_who_was_authenticated() {
        let settings =
            LimitSettings { connections_max: 8, connections_per_source_max: 7, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let admit = |number: u8| limits.admit(IpAddr::from([192, 0, 2, number]));
        let proven = [(); 7].map(|()| admit(1).unwrap());
        for place in &proven {
            place.prove();
            place.activity.known().set();
            place.activity.rest(QUIET * 2);
        }
        let stranger = admit(2).unwrap();
        assert_eq!(admit(3).err(), Some(NoPlace::Listener(8)), "none in a handshake was quiet for long");
        stranger.activity.rest(QUIET);
        assert_eq!(admit(2).err(), Some(NoPlace::Listener(8)), "its source has no more than the stranger's");
        let other = admit(3).unwrap();
        assert!(stranger.activity.has_to_end() && !proven.iter().any(|place| place.activity.has_to_end()));
        other.prove();
        let ended = proven.iter().filter(|place| place.activity.has_to_end()).count();
        assert_eq!(
            (ended, limits.connections_open()),
            (1, 7),
            "one who has may take the place of a quiet one"
        );
        let _next = admit(4).unwrap();
    }

    #[test]
    fn sources_without_connections_are_forgotten() {
        let limits = Limits::new(LimitSettings::default());
        for number in 0..1000_u32 {
            drop(limits.admit(IpAddr::from(number.to_be_bytes())).unwrap());
        }
        assert!(limits.shared.open.lock().is_empty());
    }

    #[test]
    fn a_flood_of_refusals_is_told_in_a_few_lines() {
        let limits = Limits::new(LimitSettings::default());
        let told = (0..10_000).filter(|_| limits.tell(address("192.0.2.1")).is_some()).count();
        let seconds = limits.begin.elapsed().as_secs() as usize + 1;
        assert!((1..=5 * seconds).contains(&told), "{told} lines in {seconds} seconds");
    }

    #[test]
    fn a_source_that_has_far_more_keeps_nobody_away_by_sending_bytes_or_coming_again() {
        let settings =
            LimitSettings { connections_max: 40, connections_per_source_max: 10, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let admit = |number: u8| limits.admit(IpAddr::from([192, 0, 2, number]));
        let mut floods: Vec<Vec<Place>> =
            (1..=4).map(|number| [(); 10].map(|()| admit(number).unwrap()).into()).collect();
        // Two sources do a handshake and drip bytes, two others only come again before they are quiet for long.
        for place in floods[..2].iter().flatten() {
            place.prove();
        }
        floods[0][0].activity.known().set();
        let mut newcomers = Vec::new();
        for number in 5..9 {
            let new = admit(number).expect("a source with few gets in, though nobody was quiet");
            new.prove();
            let ended = |place: &Place| place.activity.has_to_end();
            assert_eq!(floods.iter().flatten().filter(|place| ended(place)).count(), 1);
            assert!(!ended(&floods[0][0]), "who was authenticated stays");
            for flood in &mut floods {
                flood.retain(|place| !ended(place));
            }
            for source in 1..=4 {
                assert!(admit(source).is_err(), "who has most makes no room for itself");
            }
            newcomers.push(new);
            assert!(!newcomers.iter().any(ended));
        }
        assert_eq!(limits.connections_open(), 40);
    }

    #[test]
    fn where_all_have_about_as_many_only_who_is_quiet_makes_room() {
        let settings =
            LimitSettings { connections_max: 8, connections_per_source_max: 4, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let admit = |number: u8| limits.admit(IpAddr::from([192, 0, 2, number]));
        let places: Vec<Place> = (0..8).map(|number| admit(number / 2).unwrap()).collect();
        assert_eq!(admit(9).err(), Some(NoPlace::Listener(8)), "two are not far more than none");
        assert!(!places.iter().any(|place| place.activity.has_to_end()));
        places[5].activity.rest(QUIET);
        let _new = admit(9).unwrap();
        assert!(places[5].activity.has_to_end());
    }

    #[test]
    fn many_sources_that_never_say_who_they_are_keep_nobody_away() {
        let settings =
            LimitSettings { connections_max: 200, connections_per_source_max: 4, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let admit = |number: u16| limits.admit(IpAddr::from([192, 0, (number >> 8) as u8, number as u8]));
        let places: Vec<Place> = (0..200).map(|number| admit(number).unwrap()).collect();
        // The first hundred are known, and the others drip bytes: none is ever quiet, and none has more than another.
        for place in &places[..100] {
            place.prove();
            place.activity.known().set();
        }
        places[150].prove();
        assert_eq!(admit(300).err(), Some(NoPlace::Listener(200)), "all of them came just now");
        for place in &places {
            place.activity.grow_old(STRANGER_AGE_MAX);
        }
        assert_eq!(admit(150).err(), Some(NoPlace::Listener(200)), "its source has no fewer than the others");
        let newcomers: Vec<Place> = (300..400).map(|number| admit(number).unwrap()).collect();
        assert!(!places[..100].iter().any(|place| place.activity.has_to_end()), "who is known stays");
        assert!(places[100..].iter().all(|place| place.activity.has_to_end()));
        assert_eq!(admit(500).err(), Some(NoPlace::Listener(200)), "the rest is known, or came just now");
        drop((places, newcomers));
        assert!(limits.shared.open.lock().is_empty());
    }

    #[test]
    fn one_that_is_quiet_among_very_many_is_found_in_the_end() {
        let settings = LimitSettings {
            connections_max: 1000,
            connections_per_source_max: 1000,
            ..LimitSettings::default()
        };
        let limits = Limits::new(settings);
        let places = [(); 1000].map(|()| limits.admit(address("192.0.2.1")).unwrap());
        for place in &places {
            place.activity.known().set();
        }
        places[700].activity.rest(QUIET);
        let tries = (1..20).find(|_| limits.admit(address("192.0.2.2")).is_ok());
        assert_eq!(tries, Some(11), "each looks at 64");
        assert!(places[700].activity.has_to_end());
    }
}
