//! Ranges of the limits: what lies beyond them locks everybody out, or bounds nothing. Not here: what each limit is.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::LimitsConfig;

/// Seconds of a limit at most: a day.
const SECONDS_MAX: i64 = 86_400;
const COUNT_MAX: i64 = 1_000_000;

/// Bytes that a body may have beyond `message_bytes_max` where it brings back what was encrypted.
pub(crate) const BYTES_BEYOND_MESSAGE: usize = 2048;

/// Makes for each limit how it is read, and a table of all.
macro_rules! ranges {
    ($($name:ident: $type:ty = $min:expr, $max:expr;)*) => {
        /// Setting, least and greatest value.
        const RANGES: &[(&str, i64, i64)] = &[$((concat!("limits.", stringify!($name)), $min, $max)),*];

        $(pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            const MIN: i64 = $min;
            const MAX: i64 = $max;
            let value = i64::deserialize(deserializer)?;
            let fits = <$type>::try_from(value).ok().filter(|_| (MIN..=MAX).contains(&value));
            fits.ok_or_else(|| {
                let name = stringify!($name);
                D::Error::custom(format!("limits.{name} is {value}, and has to be from {MIN} to {MAX}"))
            })
        })*
    };
}

ranges! {
    connections_max: usize = 1, COUNT_MAX;
    connections_per_source_max: usize = 1, COUNT_MAX;
    handshake_seconds_max: u64 = 1, SECONDS_MAX;
    idle_seconds_max: u64 = 1, SECONDS_MAX;
    drain_seconds_max: u64 = 1, SECONDS_MAX;
    message_bytes_max: usize = 4096, 1 << 30;
    in_flight_bytes_max: usize = 65_536, 1 << 40;
    message_seconds_max: u64 = 1, SECONDS_MAX;
    failures_recorded_per_second_max: u32 = 1, COUNT_MAX;
    client_failures_per_second_max: u32 = 1, COUNT_MAX;
    client_requests_per_second_max: u32 = 0, u32::MAX as i64;
    client_requests_per_minute_max: u32 = 0, u32::MAX as i64;
    client_requests_per_day_max: u32 = 0, u32::MAX as i64;
    address_requests_per_second_max: u32 = 0, u32::MAX as i64;
    address_requests_per_minute_max: u32 = 0, u32::MAX as i64;
    address_requests_per_day_max: u32 = 0, u32::MAX as i64;
    feeds_max: usize = 1, COUNT_MAX;
}

/// What contradicts itself among limits that are fine alone: setting, value, and what is wrong with it.
pub(super) fn contradiction(limits: &LimitsConfig) -> Option<(&'static str, usize, String)> {
    let (bytes_max, all_max) = (limits.message_bytes_max, limits.in_flight_bytes_max);
    let wrong = || {
        let least = bytes_max + BYTES_BEYOND_MESSAGE;
        format!(
            "it has to be {least} at least, since one body may have that (limits.message_bytes_max is {bytes_max})"
        )
    };
    (all_max < bytes_max + BYTES_BEYOND_MESSAGE).then(|| ("limits.in_flight_bytes_max", all_max, wrong()))
}

/// The least and the greatest value of a setting that has a range, such as `limits.connections_max`.
pub(super) fn of(key: &str) -> Option<(i64, i64)> {
    RANGES.iter().find(|(name, ..)| *name == key).map(|(_, min, max)| (*min, *max))
}
