//! Profiles that are shipped: documents as others, in TOML, that every realm knows and nobody changes.

use std::sync::{Arc, LazyLock};

use super::document::{Document, parse};

/// Names and texts of the shipped profiles.
pub const PROFILES: [(&str, &str); 4] = [
    ("default", include_str!("profiles/default.toml")),
    ("cnsa2", include_str!("profiles/cnsa2.toml")),
    ("pci", include_str!("profiles/pci.toml")),
    ("fips-algorithms", include_str!("profiles/fips-algorithms.toml")),
];

static READ: LazyLock<Vec<Arc<Document>>> = LazyLock::new(|| {
    // The tests read each of them: what cannot be read would be missed there.
    PROFILES.iter().filter_map(|(_, text)| parse(text).ok().map(Arc::new)).collect()
});

/// The profile of this name.
pub fn profile(name: &str) -> Option<Arc<Document>> {
    READ.iter().find(|profile| profile.name == name).cloned()
}

/// What holds for a realm that has nothing attached.
pub fn default_profile() -> Option<Arc<Document>> {
    profile("default")
}
