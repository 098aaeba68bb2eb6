//! Answers that wait for a target: with `Acknowledge::Target` a change is done when it is off this machine too.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use keyreeve_core::{
    Result,
    model::Time,
    ports::{
        clock::Clock,
        store::{Committed, Completion},
    },
};
use parking_lot::Mutex;

use crate::{failure::unavailable, journal::Lsn};

/// Answers that may wait at once.
const WAITING_MAX: usize = 16_384;
/// How long an answer waits for a target.
const WAIT: Duration = Duration::from_secs(30);

/// When a commit that changes the state is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When it is durable on this machine.
    #[default]
    Local,
    /// When it is durable at one target as well: a lost machine loses nothing that was answered.
    Target,
}

/// Keeps answers back until a target has come as far.
pub(crate) struct Acknowledger {
    clock: Arc<dyn Clock>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    reached: u64,
    answers: BTreeMap<(u64, u64), (Time, Completion)>,
    number: u64,
}

impl Acknowledger {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, waiting: Mutex::default() }
    }

    /// Answers when a target has the entry.
    pub(crate) fn wait(&self, lsn: Lsn, done: Completion) {
        let mut waiting = self.waiting.lock();
        if waiting.reached >= lsn.0 {
            drop(waiting);
            return done(Ok(Committed::Done(keyreeve_core::model::Lsn(lsn.0))));
        }
        if waiting.answers.len() >= WAITING_MAX {
            drop(waiting);
            return done(behind());
        }
        waiting.number += 1;
        let number = waiting.number;
        waiting.answers.insert((lsn.0, number), (self.clock.now(), done));
    }

    /// A target has all entries up to this one. Tells, too, who has waited too long, or was waiting when the clock was set back.
    pub(crate) fn reached(&self, lsn: Lsn) {
        let (answered, late) = {
            let mut guard = self.waiting.lock();
            let waiting = &mut *guard;
            waiting.reached = waiting.reached.max(lsn.0);
            let later = waiting.answers.split_off(&(waiting.reached.saturating_add(1), 0));
            let answered = std::mem::replace(&mut waiting.answers, later);
            let now = self.clock.now();
            let in_time = 0..WAIT.as_millis() as i64;
            let is_late = |asked: Time| !in_time.contains(&now.0.saturating_sub(asked.0));
            let late: Vec<_> = waiting.answers.extract_if(.., |_, (asked, _)| is_late(*asked)).collect();
            (answered, late)
        };
        for ((lsn, _), (_, done)) in answered {
            done(Ok(Committed::Done(keyreeve_core::model::Lsn(lsn))));
        }
        for (_, (_, done)) in late {
            done(behind());
        }
    }

    /// Nobody ships any more: whoever waits is told.
    pub(crate) fn stop(&self) {
        let answers = std::mem::take(&mut self.waiting.lock().answers);
        for (_, (_, done)) in answers {
            done(behind());
        }
    }
}

fn behind() -> Result<Committed> {
    Err(unavailable(
        "this is on record here but not at a backup target yet, as the setting asks for: see to the targets, and look \
         before you do it again",
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicI64, Ordering},
        mpsc::channel,
    };

    use super::*;

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Time {
            Time(self.0.load(Ordering::SeqCst))
        }

        fn wait(&self, _: Duration) {}
    }

    #[test]
    fn nobody_waits_longer_than_told_nor_for_a_clock_that_was_set_back() {
        for (passed, told) in [(0, 0), (29_999, 0), (30_000, 1), (-1, 1)] {
            let clock = Arc::new(Hands(AtomicI64::new(1_000_000)));
            let acknowledger = Acknowledger::new(clock.clone());
            let (sender, answers) = channel();
            acknowledger.wait(Lsn(7), Box::new(move |answer| sender.send(answer.is_err()).unwrap()));
            clock.0.fetch_add(passed, Ordering::SeqCst);
            acknowledger.reached(Lsn(0));
            assert_eq!(answers.try_iter().filter(|is_error| *is_error).count(), told, "{passed} ms");
        }
    }
}
