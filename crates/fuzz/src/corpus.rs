//! The corpus: a folder a target, with inputs that each say something of its own. Not here: what is in it, which a test
//! makes (tests/corpus).

use std::path::PathBuf;

/// What the names of inputs begin with that a target must not take: former findings.
pub const REFUSED: &str = "refused-";

/// The folder of a target.
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target)
}

/// The inputs of a target by name, in order.
///
/// # Panics
/// Where they cannot be read.
pub fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a folder that is read").path());
    let mut inputs: Vec<_> = paths
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("an input that is read"))
        })
        .collect();
    inputs.sort();
    inputs
}
