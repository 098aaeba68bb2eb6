//! Which timeline a restore begins: a later one than whatever can be reached knows of. What a target says of that may be
//! anybody's word.
//!
//! INVARIANT: a timeline has one history. Restores from targets that know nothing of each other may nevertheless begin the
//! same one, where a target could not be reached then: `first_start` tells the two apart.

use super::state::State;
use crate::{
    backup::{
        BackupError,
        claim::{self, CLAIM_PATH},
        registered::target_places,
        targets::Target,
    },
    options::{StoreError, StoreOptions},
};

/// As many restores can have left nothing that could be opened. A number beyond that is nobody's of ours.
const TIMELINES_SKIPPED_MAX: u32 = 1 << 20;

/// Whether a store that has come to the timeline `opened` cannot have come to this one.
pub(super) fn is_absurd(timeline: u32, opened: u32) -> bool {
    timeline.saturating_sub(opened) > TIMELINES_SKIPPED_MAX
}

/// The timeline that begins. `opened`: the last one that was opened, so that it is no invention; `seen`: those that the
/// archive and the cells know, each with what tells of it. The claims of all targets on record tell of restored machines that left nothing at the
/// target that is restored from.
///
/// # Errors
/// `Backup` naming the target that tells of a timeline that cannot be; the index's. A target that cannot be reached is no
/// error.
pub(super) fn next(
    options: &StoreOptions,
    from: &dyn Target,
    state: &State,
    (opened, seen): (u32, impl IntoIterator<Item = (u32, &'static str)>),
) -> Result<u32, StoreError> {
    let mut next = 0;
    let mut look = |timeline: u32, address: &str, by: &str| {
        let after = timeline.checked_add(1).filter(|_| !is_absurd(timeline, opened));
        let absurd = || BackupError::Mismatch {
            target: address.to_owned(),
            what: format!(
                "its {by} tells of timeline {timeline}, and no store comes from {opened} to there: who has written that? \
                 Mend it, or keep it out of reach"
            ),
        };
        next = next.max(after.ok_or_else(absurd)?);
        Ok::<_, BackupError>(())
    };
    let seen = seen.into_iter().chain([(opened, "archive")]);
    seen.into_iter().try_for_each(|(timeline, by)| look(timeline, from.address(), by))?;
    let mut look_at =
        |claimed: Result<Option<(claim::ClaimFile, _)>, BackupError>, address: &str| match claimed {
            Ok(Some((claim, _))) if claim.store == state.store => look(claim.timeline, address, CLAIM_PATH),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, target = address, "its claim cannot be read");
                Ok(())
            }
        };
    look_at(claim::read(from), from.address())?;
    for place in target_places(&state.index).map_err(StoreError::Restore)? {
        let target = options.opener().open(&place.name).map_err(BackupError::from);
        look_at(target.and_then(|target| claim::read(&*target)), &place.name)?;
    }
    Ok(next)
}
