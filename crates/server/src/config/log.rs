//! The section `log`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use tracing_subscriber::filter::Targets;

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Levels, such as `warn` or `info,keyreeve_store=debug`.
    #[serde(deserialize_with = "levels")]
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}

fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<Targets>() {
        Ok(_) => Ok(text),
        Err(_) => Err(D::Error::custom(
            "levels are error, warn, info, debug, trace and off, such as info,keyreeve_store=debug",
        )),
    }
}
