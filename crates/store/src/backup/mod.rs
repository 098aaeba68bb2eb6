//! Backup: journal and state at places off this machine, so that every live key comes back and no destroyed one.

pub mod targets;
