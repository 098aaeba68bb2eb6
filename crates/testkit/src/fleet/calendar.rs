//! Days, hours and holidays where the organisation is: in Central Europe, by whose clock people work and jobs start.
//! Not here: what anybody does then.

/// Milliseconds of a second, a minute, an hour and a day.
pub const SECOND: i64 = 1000;
/// Milliseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Milliseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Days that a fleet lasts.
pub const DAYS: usize = 90;

/// Ninety days that begin on a Monday.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// Days from 1970 to the first.
    first: i64,
    /// Milliseconds since the epoch at which the clocks are changed.
    change: i64,
    /// Hours ahead of UTC before and after that.
    offsets: [i64; 2],
    /// Month and day of the first day.
    begins: (usize, usize),
    holidays: &'static [(usize, usize)],
}

/// From 1 February 2027: clocks go forward on 28 March, which is Easter Sunday; a quarter ends.
const SPRING: Calendar = Calendar {
    first: 20_850,
    change: 1_806_195_600_000,
    offsets: [1, 2],
    begins: (2, 1),
    holidays: &[(3, 26), (3, 29), (5, 1)],
};

/// From 4 October 2027: clocks go back on 31 October; Christmas, and a year ends.
const AUTUMN: Calendar = Calendar {
    first: 21_095,
    change: 1_824_944_400_000,
    offsets: [2, 1],
    begins: (10, 4),
    holidays: &[(11, 1), (12, 24), (12, 25), (12, 26), (12, 31), (1, 1)],
};

/// Days of each month of 2027.
const MONTHS: [usize; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Calendar {
    /// In which ninety days the fleet of a seed lives: spring for even ones.
    pub fn of_seed(seed: u64) -> Self {
        if seed.is_multiple_of(2) { SPRING } else { AUTUMN }
    }

    /// Milliseconds since the epoch of a local time of day, given in milliseconds after midnight.
    pub fn at(&self, day: usize, after_midnight: i64) -> i64 {
        let local = (self.first + day as i64) * DAY + after_midnight;
        let early = local - self.offsets[0] * HOUR;
        if early < self.change { early } else { local - self.offsets[1] * HOUR }
    }

    /// When a local day begins.
    pub fn begin(&self, day: usize) -> i64 {
        self.at(day, 0)
    }

    /// When all is over.
    pub fn end(&self) -> i64 {
        self.begin(DAYS)
    }

    /// The local day of a time, within the fleet's.
    pub fn day(&self, at: i64) -> usize {
        let offset = if at < self.change { self.offsets[0] } else { self.offsets[1] };
        let day = (at + offset * HOUR).div_euclid(DAY) - self.first;
        day.clamp(0, DAYS as i64 - 1) as usize
    }

    /// The local hour of a time.
    pub fn hour(&self, at: i64) -> usize {
        let offset = if at < self.change { self.offsets[0] } else { self.offsets[1] };
        ((at + offset * HOUR).rem_euclid(DAY) / HOUR) as usize
    }

    /// Month and day of the month, both from 1.
    pub fn date(&self, day: usize) -> (usize, usize) {
        let (mut month, mut date) = (self.begins.0, self.begins.1 + day);
        while date > MONTHS[month - 1] {
            date -= MONTHS[month - 1];
            month = month % 12 + 1;
        }
        (month, date)
    }

    /// From 0, Monday.
    pub fn weekday(&self, day: usize) -> usize {
        day % 7
    }

    /// Neither weekend nor holiday.
    pub fn is_work_day(&self, day: usize) -> bool {
        self.weekday(day) < 5 && !self.holidays.contains(&self.date(day))
    }

    /// The last day of a month.
    pub fn is_month_end(&self, day: usize) -> bool {
        self.date(day + 1).1 == 1
    }

    /// The last day of a quarter.
    pub fn is_quarter_end(&self, day: usize) -> bool {
        self.is_month_end(day) && self.date(day).0.is_multiple_of(3)
    }

    /// The work day at or behind a day; the last one of the fleet where there is none.
    pub fn work_day_from(&self, day: usize) -> usize {
        (day..DAYS).find(|day| self.is_work_day(*day)).unwrap_or(DAYS - 2)
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::Time;

    use super::*;

    #[test]
    fn fleet_days_follow_the_local_clock_over_its_change() {
        let [spring, autumn] = [SPRING, AUTUMN];
        assert_eq!(Time(spring.at(0, 0)).to_string(), "2027-01-31T23:00:00.000Z");
        assert_eq!(Time(spring.change).to_string(), "2027-03-28T01:00:00.000Z");
        assert_eq!(Time(spring.at(56, 9 * HOUR)).to_string(), "2027-03-29T07:00:00.000Z");
        assert_eq!(spring.begin(56) - spring.begin(55), 23 * HOUR);
        assert_eq!(Time(autumn.at(0, 9 * HOUR)).to_string(), "2027-10-04T07:00:00.000Z");
        assert_eq!(Time(autumn.change).to_string(), "2027-10-31T01:00:00.000Z");
        assert_eq!(autumn.begin(28) - autumn.begin(27), 25 * HOUR);
        assert_eq!((spring.date(27), spring.date(28), autumn.date(89)), ((2, 28), (3, 1), (1, 1)));
        assert!(!spring.is_work_day(53) && spring.is_quarter_end(58) && autumn.is_quarter_end(88));
        for calendar in [spring, autumn] {
            for day in 0..DAYS {
                assert_eq!(calendar.day(calendar.at(day, 13 * HOUR)), day);
                assert_eq!(calendar.hour(calendar.at(day, 13 * HOUR)), 13);
            }
        }
    }
}
