//! Which timeline a restore begins: a later one than whatever can be reached knows of.
//!
//! INVARIANT: a timeline has one history. Restores from targets that know nothing of each other may nevertheless begin the
//! same one, where a target could not be reached then: `first_start` tells the two apart.

use super::state::State;
use crate::{
    backup::{BackupError, claim, registered::target_places, targets::Target},
    options::{StoreError, StoreOptions},
};

/// The timeline that begins. `seen`: those that the archive and the cells know. The claims of all targets on record tell of
/// restored machines that left nothing at the target that is restored from.
///
/// # Errors
/// The index's. A target that cannot be reached is no error.
pub(super) fn next(
    options: &StoreOptions,
    from: &dyn Target,
    state: &State,
    seen: impl IntoIterator<Item = u32>,
) -> Result<u32, StoreError> {
    let mut last = seen.into_iter().max().unwrap_or(0);
    let mut look = |claimed: Result<Option<(claim::ClaimFile, _)>, BackupError>, address: &str| match claimed
    {
        Ok(Some((claim, _))) if claim.store == state.store => last = last.max(claim.timeline),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, target = address, "its claim cannot be read"),
    };
    look(claim::read(from), from.address());
    for place in target_places(&state.index).map_err(StoreError::Restore)? {
        let opened = options.opener().open(&place.name).map_err(BackupError::from);
        look(opened.and_then(|target| claim::read(&*target)), &place.name);
    }
    Ok(last.saturating_add(1))
}
