//! End-to-end tests: the `keyreeve` binary as its users have it, with every client unmodified. One module a subject, each
//! test with servers of its own on free loopback ports. Not here: tests of one crate alone.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it saw and what it skipped")]

mod audit;
mod bad_input;
mod bench;
mod breach;
mod canary;
mod cells;
mod clients;
mod coverage;
mod crash;
mod disk;
mod files;
mod floods;
mod garbage;
mod http;
mod identities;
mod kmip_endpoints;
mod kmip_https;
mod member;
mod memory;
mod monitoring;
mod notifications;
mod passphrase;
mod readme;
mod recovery;
mod reload;
mod runbooks;
mod server;
mod service;
mod session;
mod shares;
mod sinks;
mod tail;
mod terminal;
mod vectors;
mod witness;
