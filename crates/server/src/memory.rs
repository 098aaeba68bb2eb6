//! This process's memory, which holds keys: kept out of swap, out of core dumps, and away from debuggers. Not here: what
//! is in it.
//!
//! All pages are locked, not only those of certain keys: parsed keys, buffers of TLS and copies on stacks lie wherever an
//! allocator put them.

use std::fs;
use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, setrlimit};
use tracing::{info, warn};

use crate::config::MemoryLock;
use crate::start::StartError;

/// Whether this process's memory can come to swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Every page stays in RAM.
    Locked,
    /// Pages may be swapped out.
    Unlocked {
        /// The setting, or what the system says.
        why: String,
        /// Whether the machine has swap now.
        has_swap: bool,
    },
}

/// Protects the memory of this process from here on; called before the first secret is read. Where the system refuses
/// something, the log says so.
///
/// # Errors
/// `Memory` where locking is demanded and the system refuses.
pub(crate) fn protect(lock: MemoryLock) -> Result<(), StartError> {
    forbid_core_dumps();
    match state(lock) {
        Memory::Locked => {}
        Memory::Unlocked { why, .. } if lock == MemoryLock::Always => return Err(StartError::Memory(why)),
        Memory::Unlocked { why, has_swap: true } => {
            warn!(why, "memory is not locked, and this machine has swap: keys may come to disk there");
        }
        Memory::Unlocked { why, has_swap: false } => {
            info!(why, "memory is not locked; this machine has no swap now");
        }
    }
    Ok(())
}

/// How this process's memory stands with this setting; the first call locks it.
pub(crate) fn state(lock: MemoryLock) -> Memory {
    static LOCKED: OnceLock<Result<(), String>> = OnceLock::new();
    let why = match lock {
        MemoryLock::Never => "memory.lock is false".to_owned(),
        MemoryLock::Try | MemoryLock::Always => {
            match LOCKED.get_or_init(|| lock_pages().map_err(|error| error.to_string())) {
                Ok(()) => return Memory::Locked,
                Err(why) => why.clone(),
            }
        }
    };
    Memory::Unlocked { why, has_swap: has_swap() }
}

#[cfg(target_os = "linux")]
fn lock_pages() -> io::Result<()> {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::getrlimit;

    // On fault: what is reserved and not used, such as stacks, takes no memory.
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let limit = getrlimit(Resource::Memlock);
    // INVARIANT: pages are locked only where no limit can be met later: at one, the next allocation would fail and end
    // the process. Under a limit of zero nobody may lock but who is above all limits (CAP_IPC_LOCK).
    setrlimit(Resource::Memlock, Rlimit { current: Some(0), maximum: limit.maximum })?;
    let above_limits = mlockall(all);
    let raised = if limit.maximum.is_none() { limit.maximum } else { limit.current };
    setrlimit(Resource::Memlock, Rlimit { current: raised, maximum: limit.maximum })?;
    match (above_limits, limit.maximum) {
        (Ok(()), _) => Ok(()),
        (Err(_), None) => Ok(mlockall(all)?),
        (Err(_), Some(bytes)) => Err(io::Error::other(format!(
            "this process may lock {bytes} bytes only: lift its limit (LimitMEMLOCK=infinity, `ulimit -l unlimited`) or give \
             it CAP_IPC_LOCK"
        ))),
    }
}

#[cfg(not(target_os = "linux"))]
fn lock_pages() -> io::Result<()> {
    Err(io::Error::other("locking memory is known on Linux alone"))
}

/// Whether anything can be swapped out now; where that cannot be told, it counts as possible.
fn has_swap() -> bool {
    // The first line is a heading.
    fs::read_to_string("/proc/swaps").map_or(true, |text| text.lines().count() > 1)
}

/// Lets the system write no core dump of this process and, on Linux, no other process of the same user read its memory.
/// Where the system refuses, the log says so.
fn forbid_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none).map_err(io::Error::from);
    if let Err(error) = limited.and_then(|()| forbid_reading()) {
        warn!(%error, "a crash of this process may leave its keys in a core dump: forbid core dumps on this machine");
    }
}

#[cfg(target_os = "linux")]
fn forbid_reading() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn forbid_reading() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    /// What the system counts as locked, in KiB.
    fn locked_kib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn this_process_leaves_no_core_dump_and_locks_its_memory_where_it_may() {
        let before = locked_kib();
        protect(MemoryLock::Never).unwrap();
        assert!(
            matches!(state(MemoryLock::Never), Memory::Unlocked { why, .. } if why.contains("memory.lock"))
        );
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(locked_kib(), before, "false locks nothing");
        let limit = getrlimit(Resource::Memlock);
        protect(MemoryLock::Try).unwrap();
        match state(MemoryLock::Try) {
            Memory::Locked => {
                let locked = locked_kib();
                assert!(locked > before);
                // What comes later is locked too, as it is used.
                let more = std::hint::black_box(vec![1_u8; 64 << 20]);
                assert!(locked_kib() >= locked + more.len() as u64 / 1024 - 1024);
                protect(MemoryLock::Always).unwrap();
            }
            Memory::Unlocked { why, .. } => {
                assert!(why.contains("LimitMEMLOCK"), "{why}");
                assert_eq!(locked_kib(), before);
                assert_eq!(getrlimit(Resource::Memlock), limit, "the limit is as it was");
                assert!(matches!(protect(MemoryLock::Always), Err(StartError::Memory(_))));
            }
        }
    }
}
