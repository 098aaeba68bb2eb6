//! What is counted of objects: exports, spent usage limits and drawn nonces, which requests add to and are exact; uses, which are told
//! from the journal. Not here: the limits themselves, which are attributes.

use serde::{Deserialize, Serialize};

use super::{Lsn, ObjectId, Time};

/// What is counted of an object: adding commutes, so that no request waits for another or runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The object.
    pub object: ObjectId,
    /// How often its secret material left the server, wrapped or plain.
    pub exported: u64,
    /// Units of its usage limits that were used up, bytes or uses.
    #[serde(default)]
    pub spent: u64,
    /// Random nonces that were drawn for what it encrypted or wrapped, with those that were put on record to be drawn.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drawn: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// Of an object of which nothing was counted yet.
    pub fn none(object: ObjectId) -> Self {
        Self { object, exported: 0, spent: 0, drawn: 0 }
    }

    /// Adds what came to them.
    pub fn add(&mut self, by: &Self) {
        self.exported = self.exported.saturating_add(by.exported);
        self.spent = self.spent.saturating_add(by.spent);
        self.drawn = self.drawn.saturating_add(by.drawn);
    }
}

/// What usage limits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageUnit {
    /// Bytes that are protected.
    Bytes,
    /// Uses that protect.
    Uses,
}

impl UsageUnit {
    /// The unit of this KMIP code; every code but that of bytes counts uses.
    pub fn from_code(code: u32) -> Self {
        if code == Self::Bytes.code() { Self::Bytes } else { Self::Uses }
    }

    /// KMIP's code.
    ///
    /// # Standard
    /// KMIP 2.1 section 11.60 (Usage Limits Unit).
    pub fn code(self) -> u32 {
        match self {
            Self::Bytes => 1,
            Self::Uses => 2,
        }
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Uses => "uses",
        }
    }
}

/// How much an object may protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLimits {
    /// Units in all.
    pub total: u64,
    /// Units that are left.
    pub left: u64,
    /// What is counted.
    pub unit: UsageUnit,
}

/// What a use does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseKind {
    /// Makes something new: encrypts, signs, makes a MAC, wraps.
    Protect,
    /// Works on what was made before: decrypts, verifies, unwraps.
    Process,
}

/// How often an object served, and when. It follows from the entries of the journal, and no entry changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    /// The object.
    pub object: ObjectId,
    /// Uses that protected.
    pub protect: u64,
    /// Uses that processed.
    pub process: u64,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// The entry of the last of them: entries up to it are counted.
    pub lsn: Lsn,
}

impl Uses {
    /// A single one.
    pub fn one(object: ObjectId, kind: UseKind, time: Time, lsn: Lsn) -> Self {
        let (protect, process) = match kind {
            UseKind::Protect => (1, 0),
            UseKind::Process => (0, 1),
        };
        Self { object, protect, process, first: time, last: time, lsn }
    }

    /// Adds later ones of the same object.
    pub fn add(&mut self, later: &Self) {
        self.protect = self.protect.saturating_add(later.protect);
        self.process = self.process.saturating_add(later.process);
        // Clocks of requests that run at the same time differ: their entries need not be in the order of their times.
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
        self.lsn = self.lsn.max(later.lsn);
    }
}
