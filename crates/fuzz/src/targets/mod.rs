//! The targets, a line each; a file for each crate whose decoders they are. Not here: running them.

use std::sync::{Arc, LazyLock};

use keyreeve_core::ports::crypto::Crypto;
use keyreeve_crypto::SoftwareCrypto;

mod crypto;
mod front_ends;
mod kmip;
mod pki;
mod store;
mod text;

pub use front_ends::{forget_house, furnished};
pub use store::open_segment;

/// A decoder with what stands around it.
pub struct Target {
    /// Its name, as its folder in the corpus has it.
    pub name: &'static str,
    /// From bytes to whether they were taken. It must not panic.
    pub(crate) run: fn(&[u8]) -> bool,
    /// Bytes that it may allocate in all, whatever it gets.
    pub(crate) bytes_max: usize,
    /// Bytes that it may allocate besides, for each byte that it gets.
    pub(crate) bytes_max_each: usize,
}

/// A decoder alone.
const fn decoder(name: &'static str, run: fn(&[u8]) -> bool) -> Target {
    Target { name, run, bytes_max: 1 << 20, bytes_max_each: 1024 }
}

/// A decoder of lists that say their length: for each that is open, serde makes room for a MiB at most, and each of the ways
/// to read an entry does.
const fn listing(name: &'static str, run: fn(&[u8]) -> bool) -> Target {
    Target { bytes_max: 32 << 20, ..decoder(name, run) }
}

/// A whole house behind a door: it answers, and keeps what it is given.
const fn front_end(name: &'static str, run: fn(&[u8]) -> bool) -> Target {
    Target { name, run, bytes_max: 256 << 20, bytes_max_each: 4096 }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    decoder("ttlv", kmip::ttlv),
    decoder("kmip_xml", kmip::xml),
    decoder("kmip_json", kmip::json),
    decoder("kmip_request", kmip::request),
    decoder("kmip_response", kmip::response),
    front_end("kmip", front_ends::kmip),
    front_end("rest", front_ends::rest),
    decoder("material", crypto::material),
    decoder("envelope", crypto::envelope),
    decoder("stream", crypto::stream),
    decoder("wrapped_key", crypto::wrapped_key),
    decoder("certificate", pki::certificate),
    decoder("certificate_request", pki::certificate_request),
    decoder("pkcs12", pki::pkcs12),
    decoder("json_web_token", text::json_web_token),
    decoder("json_web_key_set", text::json_web_key_set),
    decoder("smtp_answers", text::smtp_answers),
    decoder("journal_segment", store::journal_segment),
    listing("journal_entry", store::journal_entry),
    listing("record", store::record),
    listing("checkpoint", store::checkpoint),
    decoder("node", store::node),
    decoder("cell_slot", store::cell_slot),
    decoder("recovery_share", store::recovery_share),
    decoder("root_file", store::root_file),
    decoder("store_file", store::store_file),
    decoder("claim", store::claim),
    decoder("statement", store::statement),
    decoder("manifest", store::manifest),
    listing("rows", store::rows),
    Target { bytes_max: 8 << 20, ..decoder("piece", store::piece) },
    Target { bytes_max: 8 << 20, ..decoder("archive", store::archive) },
    decoder("archive_path", store::archive_path),
    decoder("config", text::config),
    decoder("names", text::names),
];

/// The algorithms that all targets share.
fn software() -> &'static Arc<dyn Crypto> {
    static CRYPTO: LazyLock<Arc<dyn Crypto>> = LazyLock::new(|| Arc::new(SoftwareCrypto::new()));
    &CRYPTO
}
