//! When what could not be brought to somebody is tried again, and when it is not any more. Pure: time and chance are handed in. Not
//! here: the tries.

use std::time::Duration;

use super::Failure;

/// The first pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest pause that the other end can ask for.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(60 * 60);
/// Tries of one message that reach the other end and are refused, before it is given up: about an hour.
const REFUSALS_MAX: u32 = 12;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try, after this time.
    Again(Duration),
    /// No other try.
    GiveUp,
}

/// The tries of one message.
#[derive(Debug)]
pub(super) struct Tries {
    give_up_after: Duration,
    pause: Duration,
    refusals: u32,
}

impl Tries {
    /// Of a message that is of no use to anybody after this time.
    pub(super) fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, pause: PAUSE_MIN, refusals: 0 }
    }

    /// After a failure, when the message is so old. Pauses double, and each is shortened by up to a half, by chance: who comes
    /// back is not met by all at once.
    pub(super) fn next(&mut self, failure: &Failure, age: Duration, chance: u64) -> Next {
        let mut asked = Duration::ZERO;
        match failure {
            Failure::Gone(_) => return Next::GiveUp,
            Failure::Refused(_) => self.refusals += 1,
            Failure::Elsewhere(_, wish) => asked = wish.unwrap_or_default().min(ASKED_PAUSE_MAX),
        }
        if age >= self.give_up_after || self.refusals >= REFUSALS_MAX {
            return Next::GiveUp;
        }
        let half = self.pause / 2;
        let half_ms = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
        let pause = half + Duration::from_millis(chance % half_ms);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Next::Again(pause.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn away() -> Failure {
        Failure::Elsewhere("it is away".to_owned(), None)
    }

    #[test]
    fn pauses_grow_by_chance_up_to_a_quarter_of_an_hour() {
        for chance in [0, 1, 12_345_678_901, u64::MAX] {
            let mut tries = Tries::new(DAY);
            let mut whole = PAUSE_MIN;
            for _ in 0..30 {
                let Next::Again(pause) = tries.next(&away(), Duration::ZERO, chance) else { panic!() };
                assert!(whole / 2 <= pause && pause <= whole, "{pause:?} of {whole:?}");
                whole = (whole * 2).min(PAUSE_MAX);
            }
        }
        let first = |chance| Tries::new(DAY).next(&away(), Duration::ZERO, chance);
        assert_ne!(first(1), first(400), "chance counts");
    }

    #[test]
    fn a_message_is_tried_for_days_and_given_up_then() {
        let mut tries = Tries::new(3 * DAY);
        assert_ne!(tries.next(&away(), 3 * DAY - Duration::from_millis(1), 0), Next::GiveUp);
        assert_eq!(tries.next(&away(), 3 * DAY, 0), Next::GiveUp);
    }

    #[test]
    fn what_is_refused_is_given_up_within_an_hour_and_what_is_gone_at_once() {
        let mut tries = Tries::new(3 * DAY);
        let refused = Failure::Refused("400".to_owned());
        let mut waited = Duration::ZERO;
        let mut count = 1;
        while let Next::Again(pause) = tries.next(&refused, Duration::ZERO, 0) {
            waited += pause;
            count += 1;
        }
        assert_eq!(count, REFUSALS_MAX);
        assert!(waited < Duration::from_secs(3600), "{waited:?}");
        let gone = Failure::Gone("410".to_owned());
        assert_eq!(Tries::new(DAY).next(&gone, Duration::ZERO, 0), Next::GiveUp);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_for_an_hour_at_most() {
        let busy = |seconds| Failure::Elsewhere("429".to_owned(), Some(Duration::from_secs(seconds)));
        let next = |seconds| Tries::new(DAY).next(&busy(seconds), Duration::ZERO, 0);
        assert_eq!(next(120), Next::Again(Duration::from_secs(120)));
        assert_eq!(next(1 << 40), Next::Again(ASKED_PAUSE_MAX));
    }
}
