//! The section `memory`.

use serde::de::Unexpected;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// This process's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Whether its pages are locked, so that no key comes to swap.
    pub lock: MemoryLock,
}

/// Whether pages are locked: `true`, `false` or `"try"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryLock {
    /// Where the system allows it.
    #[default]
    Try,
    /// The server does not start without.
    Always,
    /// No.
    Never,
}

impl Serialize for MemoryLock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Try => "try",
            Self::Always => "true",
            Self::Never => "false",
        })
    }
}

impl<'de> Deserialize<'de> for MemoryLock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bool(bool),
            Text(String),
        }
        match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::Bool(true) => Ok(Self::Always),
            Written::Bool(false) => Ok(Self::Never),
            Written::Text(text) => match &*text {
                "try" => Ok(Self::Try),
                "true" => Ok(Self::Always),
                "false" => Ok(Self::Never),
                _ => Err(wrong()),
            },
        }
    }
}

/// Says nothing of what was written: the file may be one of secrets, named by mistake.
fn wrong<E: serde::de::Error>() -> E {
    E::invalid_value(Unexpected::Other("something else"), &"true, false or \"try\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_a_word_or_as_a_truth_value() {
        let read = |text: &str| toml::from_str::<MemoryConfig>(text).map(|memory| memory.lock);
        assert_eq!(read(""), Ok(MemoryLock::Try));
        assert_eq!(read("lock = true"), Ok(MemoryLock::Always));
        assert_eq!(read("lock = \"false\""), Ok(MemoryLock::Never));
        for wrong in ["lock = 1", "lock = \"hunter2\"", "lock = []"] {
            let error = read(wrong).unwrap_err();
            assert!(
                error.message().contains("expected true, false or") && !error.message().contains("hunter2")
            );
        }
    }
}
