//! When an epoch change that failed is tried again, and what keeps places from their part in it: in memory only. Not here:
//! what an epoch change does (`epoch`), and how often the eraser looks (`eraser`).

use keyreeve_core::{
    Error, Result,
    model::{Place, Time},
};
use parking_lot::Mutex;

use super::eraser::Eraser;

/// What keeps a place from its part in destructions. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Name of the place.
    pub place: String,
    /// When it was met last.
    pub at: Time,
    /// What it was.
    pub what: String,
}

/// Waits between tries, and what the last ones met.
#[derive(Default)]
pub(super) struct Retry(Mutex<State>);

#[derive(Default)]
struct State {
    /// When the last epoch change began, where it has come to nothing.
    failed: Option<Time>,
    wait_ms: i64,
    /// Somebody waits for it.
    asked: bool,
    /// When the eraser was last woken for somebody who waits.
    hastened: Option<Time>,
    settling: Vec<Trouble>,
    changing: Vec<Trouble>,
}

impl Retry {
    /// The first wait after an epoch change that came to nothing. Each is twice as long as the one before.
    const WAIT_MS_MIN: i64 = 1000;
    const WAIT_MS_MAX: i64 = 3_600_000;
    /// The longest where somebody waits for it.
    const ASKED_WAIT_MS_MAX: i64 = 60_000;
    /// Who comes to wait within this time of another is served by the same pass.
    const HASTEN_MS_MIN: i64 = 5000;

    fn is_due(&self, now: Time) -> bool {
        let state = self.0.lock();
        let wait_ms = if state.asked { state.wait_ms.min(Self::ASKED_WAIT_MS_MAX) } else { state.wait_ms };
        // A clock that was put back keeps nothing from being tried.
        state.failed.is_none_or(|failed| !(0..wait_ms).contains(&now.0.saturating_sub(failed.0)))
    }

    fn begin(&self, now: Time) {
        let mut state = self.0.lock();
        (state.failed, state.asked) = (Some(now), false);
        state.wait_ms = (state.wait_ms * 2).clamp(Self::WAIT_MS_MIN, Self::WAIT_MS_MAX);
    }
}

impl Eraser {
    /// Whether an epoch change may be tried now.
    pub(super) fn may_change_epoch(&self) -> bool {
        self.retry.is_due(self.scribe.clock.now())
    }

    /// The next steps of an epoch change write new nodes: where it comes to nothing, the next one waits.
    ///
    /// INVARIANT: called before the first node is written, so that whatever ends it counts.
    pub(super) fn begin_epoch_change(&self) {
        self.retry.begin(self.scribe.clock.now());
    }

    /// Forgets what earlier tries met: an epoch change came to its end, or there are other places now.
    pub(crate) fn start_over(&self) {
        *self.retry.0.lock() = State::default();
    }

    /// Somebody waits for what is destroyed: where a place holds it up, that is tried again soon. False where it is tried
    /// for somebody else already, or nothing holds it up.
    pub(crate) fn hasten(&self) -> bool {
        let now = self.scribe.clock.now();
        let wakes = {
            let mut state = self.retry.0.lock();
            state.asked = true;
            let is_held_up = !state.changing.is_empty() || !state.settling.is_empty();
            let since = state.hastened.map(|last| now.0.saturating_sub(last.0));
            // A clock that was put back keeps nobody waiting.
            let wakes = is_held_up && since.is_none_or(|ms| !(0..Retry::HASTEN_MS_MIN).contains(&ms));
            if wakes {
                state.hastened = Some(now);
            }
            wakes
        };
        if wakes {
            self.wake();
        }
        wakes
    }

    /// What came of a step at a place; where it failed, that is logged and among the troubles.
    pub(super) fn unless_trouble<T>(
        &self,
        troubles: &mut Vec<Trouble>,
        place: &Place,
        done: Result<T>,
    ) -> Option<T> {
        done.inspect_err(|error| {
            tracing::warn!(%error, place = place.name, "what is destroyed waits for this place");
            troubles.push(self.trouble(&place.name, error));
        })
        .ok()
    }

    /// Keeps what the places met that were to be brought to the epoch in force.
    pub(super) fn keep_settling(&self, troubles: Vec<Trouble>) {
        self.retry.0.lock().settling = troubles;
    }

    /// Keeps what an epoch change met that came to nothing.
    pub(super) fn keep_changing(&self, mut troubles: Vec<Trouble>, error: &Error) {
        if troubles.is_empty() {
            troubles.push(self.trouble(self.places.machine(), error));
        }
        self.retry.0.lock().changing = troubles;
    }

    pub(super) fn trouble(&self, place: &str, error: &Error) -> Trouble {
        let (place, at) = (place.to_owned(), self.scribe.clock.now());
        Trouble { place, at, what: error.public().to_owned() }
    }

    /// What keeps places from their part, as it was met last: one for each place, by name.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let mut troubles = {
            let state = self.retry.0.lock();
            // What keeps a place from being settled is also why it has no part in an epoch change: it is told first.
            [&*state.settling, &*state.changing].concat()
        };
        troubles.sort_by(|one, other| one.place.cmp(&other.place));
        troubles.dedup_by(|later, first| later.place == first.place);
        troubles
    }
}
