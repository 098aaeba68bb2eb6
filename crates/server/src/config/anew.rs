//! Reading a configuration anew while the server runs: what has changed, which of it can hold at once, and which waits for
//! the next start. Not here: how what changed comes to those that it concerns (reload).

use std::path::PathBuf;

use serde::Serialize;

use super::{Config, ConfigError, Override, SETTINGS, ranges};

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, where there is one.
    pub(super) file: Option<PathBuf>,
    /// The environment, then the flags; a process keeps both for life.
    pub(super) overrides: Vec<Override>,
}

/// A setting that has another value than before. Settings hold no secrets, only the names of files that do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The setting.
    pub setting: &'static str,
    /// The value that holds; none: nothing was set.
    pub from: Option<toml::Value>,
    /// The value that was read.
    pub to: Option<toml::Value>,
}

/// A configuration that was read anew.
#[derive(Clone, Debug)]
pub struct Anew {
    /// The one that holds, with what can change at once changed.
    pub config: Config,
    /// What changed in it.
    pub changed: Vec<Change>,
    /// What was read and waits for the next start.
    pub needs_restart: Vec<Change>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text =
            |value: &Option<toml::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        write!(f, "{}: {} -> {}", self.setting, text(&self.from), text(&self.to))
    }
}

impl Config {
    /// Reads it again from where it came, and compares.
    ///
    /// # Errors
    /// As `load`.
    pub fn read_anew(&self) -> Result<Anew, ConfigError> {
        let read = self.origin.clone().map_or_else(|| Ok(self.clone()), Self::from_origin)?;
        let (mut table, new) = (table(self)?, table(&read)?);
        let (mut changed, mut needs_restart) = (Vec::new(), Vec::new());
        for setting in SETTINGS {
            let Some((section, name)) = setting.key.split_once('.') else { continue };
            let to = new.get(section).and_then(|section| section.get(name));
            let Some(section) = table.get_mut(section).and_then(toml::Value::as_table_mut) else { continue };
            if section.get(name) == to {
                continue;
            }
            let change = Change { setting: setting.key, from: section.get(name).cloned(), to: to.cloned() };
            if !setting.reloads {
                needs_restart.push(change);
                continue;
            }
            match to {
                Some(value) => section.insert(name.to_owned(), value.clone()),
                None => section.remove(name),
            };
            changed.push(change);
        }
        let config: Self = table.try_into().map_err(|error| damaged(&error))?;
        Ok(Anew { config: config.with_unwritten_of(self), changed, needs_restart })
    }

    /// Reads the file, where there is one, and applies what goes over it.
    pub(super) fn from_origin(origin: Origin) -> Result<Self, ConfigError> {
        let config = origin.file.as_deref().map(Self::read).transpose()?.unwrap_or_default();
        let mut config = origin.overrides.iter().try_fold(config, |config, change| config.with(change))?;
        config.origin = Some(origin);
        match ranges::contradiction(&config.limits) {
            Some((key, value, cause)) => {
                Err(ConfigError::Value { origin: format!("the value {value}"), key: key.to_owned(), cause })
            }
            None => Ok(config),
        }
    }

    /// With what stands in no file as it is in the other.
    pub(super) fn with_unwritten_of(mut self, other: &Self) -> Self {
        self.listen.plain_http = other.listen.plain_http;
        self.once = other.once;
        self.origin.clone_from(&other.origin);
        self
    }
}

fn table(config: &Config) -> Result<toml::Table, ConfigError> {
    toml::Table::try_from(config).map_err(|error| damaged(&error))
}

/// A configuration that was read and checked can be written and read again.
fn damaged(error: &dyn std::fmt::Display) -> ConfigError {
    let (origin, key) = ("this program".to_owned(), "the configuration".to_owned());
    ConfigError::Value { origin, key, cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_and_what_cannot_change_at_once_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keyreeve.toml");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("[limits]\nconnections_max = 7\n[backup]\nkeep_days = 3\n");
        let variable = |name: &str| (name == "KEYREEVE_LIMITS_FEEDS_MAX").then(|| "9".to_owned());
        let mut config = Config::load(Some(&file), variable, Vec::new()).unwrap();
        config.once.take_over = true;
        let same = config.read_anew().unwrap();
        assert!(same.changed.is_empty() && same.needs_restart.is_empty() && same.config == config);

        write(
            "[limits]\nconnections_max = 8\nfeeds_max = 1\n[data]\ndir = \"/elsewhere\"\n[tls]\nkey_file = \"k\"\n",
        );
        let anew = config.read_anew().unwrap();
        let told = |changes: &[Change]| changes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(&anew.changed),
            ["tls.key_file: nothing -> \"k\"", "limits.connections_max: 7 -> 8", "backup.keep_days: 3 -> 30"]
        );
        assert_eq!(told(&anew.needs_restart), ["data.dir: \"/var/lib/keyreeve\" -> \"/elsewhere\""]);
        let new = anew.config;
        assert_eq!((new.limits.connections_max, new.limits.feeds_max), (8, 9));
        assert_eq!((&new.data, new.once.take_over), (&config.data, true));
        assert!(new.read_anew().unwrap().changed.is_empty(), "what was taken over is told once");

        write("[limits]\nmessage_bytes_max = 8192\nin_flight_bytes_max = 65536\n");
        assert!(new.read_anew().is_ok());
        write("[limits]\nin_flight_bytes_max = 65536\n");
        let refused = new.read_anew().unwrap_err().to_string();
        assert!(refused.contains("65536 does not fit limits.in_flight_bytes_max"), "{refused}");

        write("[limits]\nconnections_max = \"many\"\n");
        let refused = new.read_anew().unwrap_err().to_string();
        assert!(refused.contains("line 2") && refused.contains("keyreeve.toml"), "{refused}");
    }
}
