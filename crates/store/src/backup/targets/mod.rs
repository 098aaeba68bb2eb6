//! Backup targets: a small store of named objects each. The registry of targets: one line a kind.
//!
//! What the objects say does not live here.

mod folder;
mod s3;

use std::{path::Path, sync::Arc};

use keyreeve_core::ports::{cell::Cell, crypto::Crypto};

use super::shipper::ROOT_PATH;
use crate::{disk::Disk, sealing::ROOT_BYTES_MAX};

/// Why a target did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TargetError {
    /// It cannot be reached or refuses now; trying later may help.
    #[error("the target {target} cannot be reached: {what}")]
    Unreachable {
        /// Its address.
        target: String,
        /// What was said.
        what: String,
    },
    /// The address is none, or names no kind of target that there is.
    #[error("{address:?} is no address of a target: {what}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong.
        what: String,
    },
    /// It keeps what is overwritten or removed (versions, object lock): no cell can lie there.
    #[error(
        "the target {target} keeps what is overwritten ({what}), so it can hold no cell: register it without one (--no-cell)"
    )]
    KeepsVersions {
        /// Its address.
        target: String,
        /// What was found.
        what: String,
    },
    /// It is a mount point, so that its cell would lie beside it on another file system: the machine's own, as a rule.
    #[error(
        "the target {target} is a file system of its own, and its epoch key would lie on another one, at {cell}: name a folder below it, or register it without one (--no-cell)"
    )]
    CellElsewhere {
        /// Its address.
        target: String,
        /// Where the cell would lie.
        cell: String,
    },
    /// It gives more than any such object has: whoever holds it must not fill this machine's memory.
    #[error("{path} at {target} is over {bytes_max} bytes: it is nothing that was written there")]
    TooLarge {
        /// Its address.
        target: String,
        /// The object.
        path: String,
        /// The limit.
        bytes_max: usize,
    },
}

/// Bytes that an object of this path may have, at most, to be read as a whole.
fn bytes_max(path: &str) -> usize {
    match path.rsplit_once('.') {
        _ if path == ROOT_PATH => ROOT_BYTES_MAX,
        // Claim and anchor.
        Some((_, "json")) => 64 << 10,
        // The largest: a piece or a chunk that one large entry has brought over its limit.
        _ => 64 << 20,
    }
}

/// A version of an object, for compare-and-swap: whatever the target calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// When an object is written.
#[derive(Clone, Copy, Debug)]
pub enum PutIf<'a> {
    /// Always, in place of what is there.
    Always,
    /// Only where there is none.
    Absent,
    /// Only where it is still this version.
    Unchanged(&'a Version),
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path, with `/` between parts, none at the beginning.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A place off the machine that keeps named objects. Paths are made of `[a-z0-9._-]` and `/`.
///
/// INVARIANT: a write is durable, and whole or absent, when it returns; what a crash leaves is never half an object
/// under its name. Calls block; they come from the store's own threads.
pub trait Target: Send + Sync {
    /// Its address, canonical: `file:///backups/keys` or `s3://bucket/prefix`.
    fn address(&self) -> &str;

    /// Writes an object; false where the condition did not hold and nothing was written.
    ///
    /// # Errors
    /// `Unreachable`.
    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError>;

    /// An object with its version; `None` where there is none.
    ///
    /// # Errors
    /// `Unreachable`; `TooLarge` for over 1 MiB of root.json, 64 KiB of other JSON, or 64 MiB of anything else.
    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError>;

    /// `len` bytes of an object from `offset`, fewer at its end; `None` where there is none.
    ///
    /// # Errors
    /// `Unreachable`.
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError>;

    /// All objects whose path begins with `prefix`, in order.
    ///
    /// # Errors
    /// `Unreachable`.
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError>;

    /// Removes an object, which may be gone already.
    ///
    /// # Errors
    /// `Unreachable`.
    fn delete(&self, path: &str) -> Result<(), TargetError>;

    /// The cell at its own address beside the archive, never inside it; nothing is written yet.
    ///
    /// # Errors
    /// `KeepsVersions` where overwritten objects are kept, `CellElsewhere` for a mount point, `Unreachable`.
    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError>;

    /// The same, to be read or erased: also where none may come to lie any more, as at what has become a mount point.
    ///
    /// # Errors
    /// `KeepsVersions` where overwritten objects are kept, `Unreachable`.
    fn former_cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        self.cell()
    }

    /// What it shares with other places, such as the id of its file system, where that is known.
    fn domain(&self) -> Option<String>;
}

/// Opens targets by their address. Tests give their own.
pub trait Targets: Send + Sync {
    /// Opens the target at an address; touches nothing.
    ///
    /// # Errors
    /// `Address`.
    fn open(&self, address: &str) -> Result<Arc<dyn Target>, TargetError>;
}

/// The kinds of targets that there are.
pub struct KnownTargets {
    disk: Arc<dyn Disk>,
    crypto: Arc<dyn Crypto>,
    environment: Vec<(String, String)>,
}

impl KnownTargets {
    /// Folders lie on `disk`; `crypto` hashes; object stores take their credentials from this process's environment.
    pub fn new(disk: Arc<dyn Disk>, crypto: Arc<dyn Crypto>) -> Self {
        let texts = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let environment = texts.filter(|(name, _)| name.starts_with("AWS_")).collect();
        Self { disk, crypto, environment }
    }

    /// As `new`, with these variables instead of the process's. They hold secrets.
    pub fn with_environment(self, environment: Vec<(String, String)>) -> Self {
        Self { environment, ..self }
    }
}

impl Targets for KnownTargets {
    /// A path or `file://` is a folder, `s3://` a bucket.
    fn open(&self, address: &str) -> Result<Arc<dyn Target>, TargetError> {
        let wrong = |what: &str| TargetError::Address { address: address.to_owned(), what: what.to_owned() };
        let path = match address.split_once("://") {
            None => Path::new(address),
            Some(("file", path)) if path.starts_with('/') => Path::new(path),
            Some(("file", _)) => return Err(wrong("after file:// comes an absolute path")),
            Some(("s3", place)) => {
                let (bucket, prefix) = place.trim_end_matches('/').split_once('/').unwrap_or((place, ""));
                return Ok(Arc::new(s3::Bucket::new(
                    (bucket, prefix),
                    &self.environment,
                    self.crypto.clone(),
                )?));
            }
            Some(_) => return Err(wrong("targets are paths, file:// and s3:// addresses")),
        };
        let root = std::path::absolute(path).map_err(|error| wrong(&error.to_string()))?;
        if root.parent().is_none() || root.to_str().is_none() {
            return Err(wrong("it names no folder below another"));
        }
        let root = root.components().collect();
        Ok(Arc::new(folder::Folder::new(self.disk.clone(), root, self.crypto.clone())))
    }
}
