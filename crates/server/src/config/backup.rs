//! The sections `sealing` and `backup`. Targets themselves are registered in the journal, not configured.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use keyreeve_store::backup::{Acknowledge, ArchiveOptions, Retention, Schedule};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::backups;

/// Where epoch keys lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sealing {
    /// The machine's cell; none: beside the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<PathBuf>,
    /// How many places together give an epoch key, 1 to 255.
    #[serde(deserialize_with = "threshold")]
    pub cells_threshold: u8,
}

impl Default for Sealing {
    fn default() -> Self {
        Self { cell: None, cells_threshold: 1 }
    }
}

fn threshold<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        0 => Err(D::Error::custom("at least 1")),
        threshold => Ok(threshold),
    }
}

/// How backups are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// When a change is answered.
    pub ack: Ack,
    /// Milliseconds between two pieces of the journal.
    pub interval_ms: u64,
    /// Seconds that a target may be behind.
    pub rpo_seconds_max: u32,
    /// Bytes a second to each target; 0: no cap.
    pub bytes_per_second_max: u64,
    /// Hours between full backups; 0: none by itself.
    pub full_every_hours: u32,
    /// Days between drills; 0: none by itself.
    pub drill_every_days: u32,
    /// Hours of the day, in UTC, in which full backups and drills begin: `22-5`; empty: any.
    #[serde(deserialize_with = "window", skip_serializing_if = "String::is_empty")]
    pub window: String,
    /// Full backups that are kept.
    pub keep_full: u32,
    /// Days whose every state is kept.
    pub keep_days: u32,
    /// Days whose every entry is kept.
    pub keep_entries_days: u32,
}

/// When a change is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ack {
    /// Once this machine has it.
    #[default]
    Local,
    /// Once a target has it too.
    Target,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            ack: Ack::Local,
            interval_ms: 200,
            rpo_seconds_max: 5,
            bytes_per_second_max: 0,
            full_every_hours: 24,
            drill_every_days: 7,
            window: String::new(),
            keep_full: 7,
            keep_days: 30,
            keep_entries_days: 0,
        }
    }
}

impl Backup {
    /// What the store's archives are kept by.
    pub fn archive(&self) -> ArchiveOptions {
        ArchiveOptions {
            interval: Duration::from_millis(self.interval_ms),
            bytes_per_second_max: NonZeroU64::new(self.bytes_per_second_max),
            rpo_seconds_max: Some(self.rpo_seconds_max),
            acknowledge: self.acknowledge(),
        }
    }

    /// What the server does by itself.
    pub fn settings(&self) -> backups::Settings {
        backups::Settings {
            acknowledge: self.acknowledge(),
            bytes_per_second_max: NonZeroU64::new(self.bytes_per_second_max),
            schedule: Schedule {
                full_every_hours: self.full_every_hours,
                drill_every_days: self.drill_every_days,
                // What is configured was parsed before.
                window_hours: hours(&self.window).unwrap_or_default(),
            },
            retention: Retention {
                full_count_min: self.keep_full,
                days_min: self.keep_days,
                entries_days_min: self.keep_entries_days,
            },
        }
    }

    fn acknowledge(&self) -> Acknowledge {
        match self.ack {
            Ack::Local => Acknowledge::Local,
            Ack::Target => Acknowledge::Target,
        }
    }
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match hours(&text) {
        Some(_) => Ok(text),
        None => Err(D::Error::custom("two hours of the day, 0 to 24, such as 22-5")),
    }
}

/// First and last hour of a window; equal ones for any time.
fn hours(text: &str) -> Option<(u8, u8)> {
    if text.is_empty() {
        return Some((0, 0));
    }
    let (first, last) = text.split_once('-')?;
    let hour = |text: &str| text.parse().ok().filter(|hour| *hour <= 24);
    Some((hour(first)?, hour(last)?))
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn a_window_is_two_hours_of_the_day() {
        assert_eq!(hours(""), Some((0, 0)));
        assert_eq!(hours("22-5"), Some((22, 5)));
        for wrong in ["22", "22-25", "-", "a-b", "22:00-05:00", "1-2-3"] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }
}
