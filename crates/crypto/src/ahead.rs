//! RSA keys made ahead: making one takes 60 milliseconds to seconds, and who asks for one seldom asks once. A thread of
//! its own makes a few of each length that was asked for; keys that nobody wants are thrown away. Holds secrets.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use keyreeve_core::{Result, model::KeySpec, ports::crypto::Generated};

/// How long a key waits for somebody who wants it. A machine that is copied while it runs, memory and all, gives its
/// copy the keys that wait: so idle servers hold none.
pub(crate) const KEPT: Duration = Duration::from_secs(300);

/// Makes one key, tested; called on the thread of the stock.
type Make = dyn Fn(&KeySpec) -> Result<Generated> + Send + Sync;

/// A stock of keys. Its thread ends when it is dropped, once the key in the making is done.
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    process: u32,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    make: Box<Make>,
    each_max: usize,
    kept: Duration,
}

#[derive(Default)]
struct State {
    shelves: Vec<Shelf>,
    closed: bool,
}

/// Keys of one length.
struct Shelf {
    spec: KeySpec,
    keys: VecDeque<(Instant, Generated)>,
    /// Somebody asked since the last one was thrown away, and making has not failed since.
    wanted: bool,
}

impl Ahead {
    /// A stock of up to `each_max` keys of each length, each for `kept` at most. Empty until somebody asks.
    pub(crate) fn start(each_max: usize, kept: Duration, make: Box<Make>) -> Self {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), make, each_max, kept };
        let shared = Arc::new(shared);
        let worker = Arc::clone(&shared);
        // Without a thread the stock stays empty, and every key is made when it is asked for.
        let _ = thread::Builder::new().name("keys ahead".to_owned()).spawn(move || worker.run());
        Self { shared, process: std::process::id() }
    }

    /// A key from the stock, if it has one, which has more made either way.
    pub(crate) fn take(&self, spec: &KeySpec) -> Option<Generated> {
        // A fork takes a copy of the stock with it, and no thread.
        if std::process::id() != self.process {
            return None;
        }
        let mut state = self.shared.lock();
        state.throw_away(self.shared.kept);
        let shelf = match state.shelves.iter().position(|shelf| shelf.spec == *spec) {
            Some(at) => &mut state.shelves[at],
            None => {
                state.shelves.push(Shelf { spec: *spec, keys: VecDeque::new(), wanted: false });
                state.shelves.last_mut()?
            }
        };
        shelf.wanted = true;
        let key = shelf.keys.pop_front();
        self.shared.changed.notify_all();
        key.map(|(_, key)| key)
    }

    #[cfg(test)]
    fn wait_for(&self, spec: &KeySpec, keys: usize) -> bool {
        let has = |state: &mut State| {
            state.shelves.iter().any(|shelf| shelf.spec == *spec && shelf.keys.len() == keys)
        };
        let state = self.shared.lock();
        let waited =
            self.shared.changed.wait_timeout_while(state, Duration::from_secs(60), |state| !has(state));
        waited.is_ok_and(|(_, result)| !result.timed_out())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.shelves.clear();
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// A panic elsewhere leaves the stock as it is: whole keys, each once.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            state.throw_away(self.kept);
            let missing = state.shelves.iter().find(|shelf| shelf.wanted && shelf.keys.len() < self.each_max);
            let Some(spec) = missing.map(|shelf| shelf.spec) else {
                state = self.wait(state);
                continue;
            };
            drop(state);
            let made = (self.make)(&spec);
            state = self.lock();
            if let Some(shelf) = state.shelves.iter_mut().find(|shelf| shelf.spec == spec) {
                match made {
                    Ok(key) => shelf.keys.push_back((Instant::now(), key)),
                    // Whoever asks next is told why.
                    Err(_) => shelf.wanted = false,
                }
            }
            self.changed.notify_all();
        }
    }

    /// Until somebody asks, or the oldest key is to be thrown away.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let oldest = state.shelves.iter().filter_map(|shelf| shelf.keys.front()).map(|(made, _)| *made).min();
        match oldest {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(made) => {
                let left = self.kept.saturating_sub(made.elapsed());
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl State {
    /// Keys that waited too long: their length is not made again until somebody asks.
    fn throw_away(&mut self, kept: Duration) {
        for shelf in &mut self.shelves {
            while shelf.keys.front().is_some_and(|(made, _)| made.elapsed() >= kept) {
                shelf.keys.pop_front();
                shelf.wanted = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use keyreeve_core::{
        Error, SecretBytes,
        model::{KeyFormat, KeyMaterial},
    };

    use super::*;

    /// A stand-in for a key: its number.
    fn numbered(number: usize) -> Generated {
        let bytes = SecretBytes::new(number.to_be_bytes().to_vec());
        Generated::Symmetric(KeyMaterial { format: KeyFormat::Raw, bytes })
    }

    fn number(key: Generated) -> Vec<u8> {
        match key {
            Generated::Symmetric(material) => material.bytes.expose().to_vec(),
            Generated::Pair { private, .. } => private.bytes.expose().to_vec(),
        }
    }

    fn spec(name: &str) -> KeySpec {
        KeySpec::from_name(name).unwrap()
    }

    #[test]
    fn keys_are_made_once_asked_for_and_given_out_once() {
        let made = AtomicUsize::new(0);
        let make = move |_: &KeySpec| Ok(numbered(made.fetch_add(1, Ordering::SeqCst)));
        let ahead = Ahead::start(2, KEPT, Box::new(make));
        assert!(ahead.take(&spec("rsa-2048")).is_none());
        assert!(ahead.wait_for(&spec("rsa-2048"), 2));
        assert!(ahead.take(&spec("rsa-4096")).is_none(), "no key of another length");
        let mut seen = Vec::new();
        while seen.len() < 20 {
            if let Some(key) = ahead.take(&spec("rsa-2048")) {
                seen.push(number(key));
            } else {
                assert!(ahead.wait_for(&spec("rsa-2048"), 2));
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 20, "a key was given out twice");
    }

    #[test]
    fn keys_that_nobody_wants_are_thrown_away() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let make = move |_: &KeySpec| Ok(numbered(counted.fetch_add(1, Ordering::SeqCst)));
        let ahead = Ahead::start(2, Duration::ZERO, Box::new(make));
        assert!(ahead.take(&spec("rsa-2048")).is_none());
        while made.load(Ordering::SeqCst) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(ahead.take(&spec("rsa-2048")).is_none());
    }

    #[test]
    fn a_failing_generator_is_not_asked_again_and_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let make = move |_: &KeySpec| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(Error::internal("no"))
        };
        let ahead = Ahead::start(2, KEPT, Box::new(make));
        for asks in 1..=3 {
            assert!(ahead.take(&spec("rsa-2048")).is_none());
            let state = ahead.shared.lock();
            let wanted = |state: &mut State| state.shelves.iter().any(|shelf| shelf.wanted);
            let waited = ahead.shared.changed.wait_timeout_while(state, Duration::from_secs(60), wanted);
            assert!(waited.is_ok_and(|(_, result)| !result.timed_out()));
            assert_eq!(asked.load(Ordering::SeqCst), asks);
        }
    }
}
