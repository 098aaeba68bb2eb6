//! The index of a store that no process has open: making it anew from the journal. Not here: how (store).

use std::path::Path;
use std::sync::Arc;

use keyreeve_store::{OnRebuild, RebuildPart, Store};
use serde_json::{Value, json};

use super::restore::UnlockBy;
use super::root::status;
use super::unlock::unlock;
use crate::config::{Config, Data};
use crate::memory::protect;
use crate::start::StartError;
use crate::start::open::{crypto, store_options};

/// Told what is done now, how many are done, and of how many.
pub type OnProgress = Box<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// Makes the index of the data folder anew, and tells what it holds.
///
/// # Errors
/// Where a process has the store open, nothing or the wrong thing unlocks it, or the journal is damaged.
pub fn rebuild(dir: &Path, by: &UnlockBy<'_>, told: OnProgress) -> Result<Value, StartError> {
    let config = Config { data: Data { dir: dir.to_owned() }, ..Config::default() };
    protect(config.memory.lock)?;
    let kinds = status(&config)?.unlocked_by;
    let unlock = unlock(&by.files, by.root_key.as_deref(), &kinds, by.ask)?;
    let mut options = store_options(&config, crypto()?);
    options.on_rebuild = telling(told);
    let rebuilt = Store::rebuild_index_offline(&options, &unlock)?;
    Ok(json!({ "lsn": rebuilt.lsn, "entries": rebuilt.entries, "records": rebuilt.records }))
}

/// What the store tells, in words.
pub(crate) fn telling(told: OnProgress) -> OnRebuild {
    Arc::new(move |progress| {
        let doing = match progress.part {
            RebuildPart::Objects => "reading the archive",
            RebuildPart::Entries => "reading the journal",
            RebuildPart::Records => "indexing the records",
            RebuildPart::Sealed => "opening every key",
        };
        told(doing, progress.done, progress.total);
    })
}
