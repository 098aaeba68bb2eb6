//! States of a managed object.
//!
//! # Standard
//! NIST SP 800-57 part 1 rev. 5 section 7; KMIP 2.1 section 4.57. Suspended has no KMIP counterpart.

use serde::{Deserialize, Serialize};

/// Where an object is in its life. `lifecycle` holds the table of moves between states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Made, not yet usable.
    PreActive,
    /// Protects and processes.
    Active,
    /// Set aside for a while: neither protects nor processes.
    Suspended,
    /// Only processes (decrypt, verify, unwrap).
    Deactivated,
    /// Known or suspected by others: only processes.
    Compromised,
    /// Material is gone.
    Destroyed,
    /// Material is gone, and was compromised before or after.
    DestroyedCompromised,
}

impl State {
    /// Every state, in the order of the standard.
    pub const ALL: [Self; 7] = [
        Self::PreActive,
        Self::Active,
        Self::Suspended,
        Self::Deactivated,
        Self::Compromised,
        Self::Destroyed,
        Self::DestroyedCompromised,
    ];

    /// True once the material is gone.
    pub fn is_destroyed(self) -> bool {
        matches!(self, Self::Destroyed | Self::DestroyedCompromised)
    }

    /// May protect new data (encrypt, sign, wrap, MAC).
    pub fn may_protect(self) -> bool {
        self == Self::Active
    }

    /// May process data protected before (decrypt, verify, unwrap).
    pub fn may_process(self) -> bool {
        matches!(self, Self::Active | Self::Deactivated | Self::Compromised)
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
            Self::DestroyedCompromised => "destroyed-compromised",
        }
    }
}
