//! Fuzzing: every decoder of the house, and each front-end as a whole, as a function from bytes to whether they were
//! taken; one table has them all. `tests/` runs them over the corpus and over mutations of it, `cargo xtask fuzz` under
//! libFuzzer. Not here: decoders. A development dependency of nothing.

use std::alloc::System;

use cap::Cap;

pub mod corpus;
pub mod house;
pub mod mutate;
pub mod targets;

pub use targets::{TARGETS, Target};

/// Counts what is allocated, so that an input that makes a decoder take more than its bound is found.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Names the target of a process under libFuzzer.
pub const TARGET_VARIABLE: &str = "KEYREEVE_FUZZ_TARGET";

impl Target {
    /// Runs the target; true where it took the bytes.
    ///
    /// # Panics
    /// Where the target does: that is what is looked for. Where it has allocated more than its bound.
    pub fn run(&self, bytes: &[u8]) -> bool {
        let mut taken = false;
        let allocated = allocated_by(|| taken = (self.run)(bytes));
        let bound = self.bytes_max + self.bytes_max_each * bytes.len();
        assert!(allocated <= bound, "{} bytes made {} allocate {allocated}", bytes.len(), self.name);
        taken
    }
}

/// Bytes that the process allocates while this works, those that are freed meanwhile too.
pub fn allocated_by(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.total_allocated();
    work();
    ALLOCATOR.total_allocated() - before
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs the target that the environment names.
///
/// # Panics
/// As [`Target::run`]; where the environment names none.
pub fn run_named(bytes: &[u8]) {
    static NAMED: std::sync::OnceLock<&Target> = std::sync::OnceLock::new();
    let named = NAMED.get_or_init(|| {
        let name = std::env::var(TARGET_VARIABLE).unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("{TARGET_VARIABLE} is {name:?}, which is no target"))
    });
    named.run(bytes);
}
