//! When full backups and drills are due: a pure function of the clock and of what was done last. Who runs them is not
//! told here.

use keyreeve_core::model::Time;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_HOURS: i64 = 24;

/// When backups run by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Hours between full backups; 0: none by itself.
    pub full_every_hours: u32,
    /// Days between drills; 0: none by itself.
    pub drill_every_days: u32,
    /// The window in which either begins: first hour, included, and last, excluded, 0 to 24 in UTC; it may reach over
    /// midnight. Equal hours: at any time.
    pub window_hours: (u8, u8),
}

/// What is to be run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Due {
    /// A full backup.
    pub full: bool,
    /// A drill: after the full backup, where both are due.
    pub drill: bool,
}

impl Schedule {
    /// What is due at `now`; the last times are of what ended well, `None` where nothing has.
    ///
    /// A drill needs a backup, so the first one waits for the first full backup.
    pub fn due(&self, now: Time, last_full: Option<Time>, last_drill: Option<Time>) -> Due {
        if !self.is_open(now) {
            return Due::default();
        }
        let full_hours = i64::from(self.full_every_hours);
        let drill_hours = i64::from(self.drill_every_days) * DAY_HOURS;
        let full = is_over(now, last_full, full_hours);
        Due { full, drill: (full || last_full.is_some()) && is_over(now, last_drill, drill_hours) }
    }

    fn is_open(&self, now: Time) -> bool {
        let hour = now.0.div_euclid(HOUR_MS).rem_euclid(DAY_HOURS);
        let (start, end) = (i64::from(self.window_hours.0), i64::from(self.window_hours.1));
        match start <= end {
            true => start == end || (start..end).contains(&hour),
            false => hour >= start || hour < end,
        }
    }
}

/// A clock that was set back must not stop backups: a last time that lies ahead counts as none.
fn is_over(now: Time, last: Option<Time>, hours: i64) -> bool {
    let waited = |last: Time| now < last || now.0.saturating_sub(last.0) >= hours.saturating_mul(HOUR_MS);
    hours > 0 && last.is_none_or(waited)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { full_every_hours: 24, drill_every_days: 7, window_hours: (22, 4) };

    fn at(hours: i64) -> Time {
        Time(hours * HOUR_MS)
    }

    #[test]
    fn nothing_begins_outside_of_the_window() {
        let open: Vec<_> = (0..24).filter(|hour| SCHEDULE.due(at(*hour), None, None).full).collect();
        assert_eq!(open, [0, 1, 2, 3, 22, 23]);
        let always = Schedule { window_hours: (5, 5), ..SCHEDULE };
        assert!((0..24).all(|hour| always.due(at(hour), None, None).full));
        let day = Schedule { window_hours: (9, 17), ..SCHEDULE };
        let open: Vec<_> = (0..24).filter(|hour| day.due(at(*hour), None, None).full).collect();
        assert_eq!(open, (9..17).collect::<Vec<_>>());
        assert!(SCHEDULE.due(at(-1), None, None).full, "before 1970 as well");
    }

    #[test]
    fn what_was_done_is_due_again_after_its_time() {
        let due =
            |now, full: Option<i64>, drill: Option<i64>| SCHEDULE.due(at(now), full.map(at), drill.map(at));
        assert_eq!(due(48, Some(24), Some(24)), Due { full: true, drill: false });
        assert_eq!(due(47, Some(24), Some(24)), Due::default());
        assert_eq!(due(168 + 24, Some(168 + 23), Some(24)), Due { full: false, drill: true });
        assert_eq!(due(24, None, None), Due { full: true, drill: true }, "the drill follows the backup");
        assert_eq!(due(24, Some(48), Some(48)), Due { full: true, drill: true }, "the clock was set back");
    }

    #[test]
    fn zero_is_never() {
        let off = Schedule { full_every_hours: 0, drill_every_days: 0, window_hours: (0, 0) };
        assert_eq!(off.due(at(1_000_000), None, None), Due::default());
        let drills = Schedule { drill_every_days: 1, ..off };
        assert_eq!(drills.due(at(1_000_000), None, None), Due::default(), "there is nothing to drill with");
        assert_eq!(drills.due(at(1_000_000), Some(at(0)), None), Due { full: false, drill: true });
    }
}
