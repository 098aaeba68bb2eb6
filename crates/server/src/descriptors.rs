//! File descriptors: as many as the system grants, and never all of them for connections, since the store needs some to
//! go on. Not here: connections themselves (listen).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::config::Config;
use crate::listen::LimitSettings;

/// What journal, index, targets and drills may need at once; half of all where there are fewer than twice as many.
const RESERVED: u64 = 128;

/// Raises this process's limit of open files to what the system allows it.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => info!(from = limit.current, to = limit.maximum, "limit of open files raised"),
        Err(error) => warn!(%error, "the limit of open files cannot be raised"),
    }
}

/// The limits of one listener as configured, with no more connections than there are descriptors for.
pub(crate) fn connection_limits(config: &Config) -> LimitSettings {
    let mut limits = config.limits.connections();
    let more = [config.listen.plain_http, config.listen.appliances];
    let listeners = 2 + more.iter().flatten().count() as u64;
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return limits };
    let room = (descriptors - RESERVED.min(descriptors / 2)) / listeners;
    let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
    if limits.connections_max > room {
        warn!(
            wanted = limits.connections_max,
            room,
            open_files_max = descriptors,
            "limits.connections_max is more than this process may open files: raise that limit (LimitNOFILE, `ulimit -n`)"
        );
        limits.connections_max = room;
    }
    limits
}
