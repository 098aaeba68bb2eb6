//! Keeping this process's memory, which holds keys, out of core dumps and away from debuggers. Not here: what is in it.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use tracing::warn;

/// Lets the system write no core dump of this process and, on Linux, no other process of the same user read its memory.
/// Where the system refuses, the log says so.
pub(super) fn forbid_core_dumps() {
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

    #[test]
    fn this_process_leaves_no_core_dump() {
        forbid_core_dumps();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
