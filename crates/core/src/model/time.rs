//! Time as the model sees it: a number, handed in by the clock port.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::error::{Error, ErrorKind};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds since 1970-01-01T00:00:00Z, may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// From whole seconds since the epoch, held within range.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// So many seconds later, held within range.
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(i64::from(seconds) * 1000))
    }

    /// So many days later, held within range.
    pub fn plus_days(self, days: u16) -> Self {
        Self(self.0.saturating_add(i64::from(days) * DAY_MS))
    }
}

/// RFC 3339, UTC, always with milliseconds, so that texts sort as times do; one that no calendar holds as its
/// milliseconds since 1970.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(date) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000) else {
            return self.0.fmt(f);
        };
        let (hour, minute, second, millisecond) = date.to_hms_milli();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

/// RFC 3339 with any offset; what is finer than a millisecond is cut.
impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let date = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
            let public = "a time is written as in RFC 3339: 2026-01-31T12:00:00Z";
            Error::new(ErrorKind::InvalidField, public)
        })?;
        let milliseconds = date.unix_timestamp_nanos().div_euclid(1_000_000);
        Ok(Self(i64::try_from(milliseconds).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn times_are_written_and_read_as_rfc_3339() {
        for (time, text) in [(0, "1970-01-01T00:00:00.000Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123Z")]
        {
            assert_eq!(Time(time).to_string(), text);
            assert_eq!(text.parse::<Time>().unwrap(), Time(time));
        }
        assert_eq!(Time(i64::MAX).to_string(), i64::MAX.to_string());
        assert_eq!("2023-11-14T23:13:20.1239+01:00".parse::<Time>().unwrap(), Time(1_700_000_000_123));
        assert!("yesterday".parse::<Time>().is_err() && "2023-11-14".parse::<Time>().is_err());
    }
}
