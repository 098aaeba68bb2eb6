//! Rules that a test can break, one at a time, to show that its check would notice: with the rule the check holds, without
//! it the same check finds the harm. The rules are those of docs/destruction.md.
//!
//! Only this crate's own unit tests break anything: in every other build `breaks` is constant, and none of this is in the
//! product. The tests are destroy/tests/broken.rs, restore/broken.rs and those of sealing/cells/file.rs; surroundings that
//! break their promise (a disk that skips syncs, a cell that keeps what was overwritten) are testkit's house/variants.rs.
//!
//! `LeaveAbandoned` breaks three rules at once, as each makes up for the others: an epoch key that was taken back is erased
//! at once, or before the next one is made, or written over by that, since a cell has two slots.

/// A rule, broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The epoch key in force is erased from the machine's cell before the new one is put there.
    EraseBeforePut,
    /// A target gets the new epoch key before the nodes that it opens.
    PutBeforeReplicate,
    /// What a target stores is believed, not read back.
    SkipReadBack,
    /// A place counts as clear though its cell was neither erased nor read back.
    KeepOldKey,
    /// A target that is out of reach is not waited for.
    IgnoreOffline,
    /// A machine that was lost is not waited for.
    ForgetLost,
    /// A destroy draws the slots behind the last one that it destroys anew, as if none of them were in use.
    DropUnused,
    /// The slot of a leaf is filled when it is taken, in the node that is in force then, instead of at the node's birth.
    #[cfg(test)]
    LazyLeaf,
    /// The epoch key before is kept, sealed under the new one.
    SealOldUnderNew,
    /// Leaves are given out from nodes that are not on record: as lost as an entry that the power overtakes.
    GiveUnsynced,
    /// A leaf node is let go of without looking whether anything is sealed under its leaves. What proves a new epoch finds it.
    DropLive,
    /// A node that is made anew keeps its node key.
    KeepNodeKey,
    /// A leaf node that was met before is found again by its address, whichever key leads to it now.
    NodeByAddress,
    /// The number of a generation that was taken back is given out again.
    ReuseGeneration,
    /// A cell is written beside itself and renamed.
    RenameCell,
    /// A restore leaves later switches in force than the epoch that its cell has chosen.
    KeepLaterSwitch,
    /// A restore takes an epoch key from a cell without looking whether it reaches what is to come back. Opening the tree
    /// finds it.
    TrustCell,
    /// A start does not compare the journal with anchors.
    SkipAnchor,
    /// A restore takes leaves from where the tree stood before its first key.
    ReuseLeaves,
    /// Point-in-time recovery takes revocations back.
    DropRevocations,
    /// Restored usage limits are those of the past.
    CountersFromPast,
    /// Pruning removes every piece, whether it is needed or not.
    PruneByAge,
    /// An epoch key that was taken back is erased nowhere, and no other is written over it.
    LeaveAbandoned,
    /// The tree grows while a restored store draws its unused slots anew.
    GrowInRestore,
    /// A machine writes to a target without looking whether it is still its own.
    SkipClaim,
}

/// Whether this rule is broken here and now: never, but in a test that says so.
#[cfg(not(test))]
pub(crate) const fn breaks(_: Fault) -> bool {
    false
}

#[cfg(test)]
pub(crate) use broken::{Harm, assert_noticed, breaks, while_broken};

#[cfg(test)]
mod broken {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static BROKEN: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// What a check finds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Harm {
        /// A live key does not come back.
        Lost,
        /// A key whose destruction is certified, or whose erased epoch key, is found.
        Back,
        /// Something that stays for good was undone.
        Undone,
    }

    /// Whether this rule is broken for this thread. The threads that a store starts go by every rule.
    pub(crate) fn breaks(fault: Fault) -> bool {
        BROKEN.get() == Some(fault)
    }

    /// Makes sure that `check` finds nothing with the rule, and this harm without it.
    pub(crate) fn assert_noticed(fault: Fault, harm: Harm, check: impl Fn() -> Option<Harm>) {
        assert_eq!(check(), None, "with the rule");
        assert_eq!(while_broken(fault, check), Some(harm), "without the rule: {fault:?}");
    }

    /// Does something while a rule is broken.
    pub(crate) fn while_broken<T>(fault: Fault, act: impl FnOnce() -> T) -> T {
        BROKEN.set(Some(fault));
        let done = act();
        BROKEN.set(None);
        done
    }
}
