//! Identifiers: newtypes, so that no id is mistaken for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A time-ordered id (RFC 9562 UUID version 7) from `unix_ms` and ten random bytes.
            pub fn from_parts(unix_ms: u64, random: &[u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid())
            }

            /// The 16 bytes in network order.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(/// A managed object: one version's symmetric key, private key, public key, certificate, ...
    ObjectId);
uuid_id!(/// A key: the named series that versions belong to.
    KeyId);
uuid_id!(/// A realm (tenant).
    RealmId);
uuid_id!(/// A principal: somebody or something that proved who it is.
    PrincipalId);
uuid_id!(/// One request, as it appears in the journal and in the log.
    RequestId);

impl ObjectId {
    /// How many bits of a tick count within a millisecond.
    pub const TICK_BITS: u32 = 12;

    /// An id that is ordered by `tick`: Unix milliseconds, and behind them 12 bits that count (RFC 9562, section 6.2,
    /// method 1). Of the ten random bytes the last eight are used.
    pub fn from_tick(tick: u64, random: &[u8; 10]) -> Self {
        let mut bytes = *random;
        bytes[..2].copy_from_slice(&(tick as u16 & ((1 << Self::TICK_BITS) - 1)).to_be_bytes());
        Self::from_parts(tick >> Self::TICK_BITS, &bytes)
    }

    /// The id that stands for an identifier that a client chose, from the SHA-256 of realm and identifier (RFC 9562 UUID
    /// version 8): nobody finds another text for an id, and no record has to tell which text it stands for.
    pub fn chosen(digest: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl RealmId {
    /// The realm `default`, which exists from the start.
    pub const DEFAULT: Self = Self(Uuid::nil());

    /// The id of the realm of a name, from a SHA-256 over the name (RFC 9562 UUID version 8): a name is never another realm's.
    pub fn named(digest: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl PrincipalId {
    /// Nobody: the principal of entries about strangers (failed authentication).
    pub const ANONYMOUS: Self = Self(Uuid::nil());
    /// The server itself: start, stop, dates that move objects.
    pub const SYSTEM: Self = Self(Uuid::max());
}

/// Position of an entry in the journal: from 1, without gaps. 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
