//! `cargo xtask fuzz`: builds the targets with coverage and libFuzzer, and runs each for a while. Not here: the targets
//! (crates/fuzz).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the instrumented build goes, relative to the root: it would else displace the other one.
const BUILD_FOLDER: &str = "target/fuzz";
/// What libFuzzer finds beyond the corpus, a folder a target.
const GROWN_FOLDER: &str = "target/fuzz/corpus";
/// Inputs that a target fails on, a folder a target.
const CRASHES_FOLDER: &str = "target/fuzz/crashes";
/// The committed corpus, a folder a target.
const CORPUS_FOLDER: &str = "crates/fuzz/corpus";
/// Names the target to the program; `keyreeve_fuzz::TARGET_VARIABLE`.
const TARGET_VARIABLE: &str = "KEYREEVE_FUZZ_TARGET";

const SECONDS_DEFAULT: u64 = 60;

/// Coverage as libFuzzer reads it, by stable compilers.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
struct Plan<'a> {
    /// None: every target.
    target: Option<&'a str>,
    /// Replays this input alone.
    input: Option<&'a str>,
    seconds: u64,
}

/// Runs `[TARGET [INPUT]] [--seconds N]`.
///
/// # Errors
/// What does not build, and which targets failed on which inputs.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let plan = plan(arguments)?;
    let targets = targets(root)?;
    if let Some(target) = plan.target.filter(|target| !targets.iter().any(|known| known == target)) {
        return Err(format!("there is no target {target}; there are {}", targets.join(", ")));
    }
    let program = build(root)?;
    if let (Some(target), Some(input)) = (plan.target, plan.input) {
        return replay(&program, target, input);
    }
    let mut failed = Vec::new();
    for target in targets.iter().filter(|known| plan.target.is_none_or(|target| *known == target)) {
        println!("\n== {target}, {} s", plan.seconds);
        if !fuzz(root, &program, target, plan.seconds)? {
            failed.push(target.as_str());
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(format!(
            "these failed: {}. The inputs are in {CRASHES_FOLDER}/TARGET; `cargo xtask fuzz TARGET FILE` replays one",
            failed.join(", ")
        )),
    }
}

fn plan<'a>(arguments: &[&'a str]) -> Result<Plan<'a>, String> {
    let wrong = || "usage: cargo xtask fuzz [TARGET [INPUT]] [--seconds N]".to_owned();
    let (words, seconds) = match arguments {
        [words @ .., "--seconds", seconds] => (words, seconds.parse().map_err(|_| wrong())?),
        words => (words, SECONDS_DEFAULT),
    };
    match *words {
        [] => Ok(Plan { target: None, input: None, seconds }),
        [target] if !target.starts_with('-') => Ok(Plan { target: Some(target), input: None, seconds }),
        [target, input] => Ok(Plan { target: Some(target), input: Some(input), seconds }),
        _ => Err(wrong()),
    }
}

/// Every target has a folder in the corpus; a test says so.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join(CORPUS_FOLDER);
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds for the machine's own target by name, so that build scripts and macros are not instrumented.
fn build(root: &Path) -> Result<PathBuf, String> {
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--package", "keyreeve-fuzz", "--bin", "fuzz"]);
    cargo.args(["--features", "libfuzzer", "--target", &machine, "--target-dir", BUILD_FOLDER]);
    cargo.env("RUSTFLAGS", COVERAGE);
    // Assertions count here, and level 1 builds in half the time.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    let status = cargo.current_dir(root).status().map_err(|e| format!("cargo does not start: {e}"))?;
    match status.success() {
        true => Ok(root.join(BUILD_FOLDER).join(machine).join("release/fuzz")),
        false => Err(format!("the targets do not build ({status}); libFuzzer takes a C++ compiler")),
    }
}

/// Runs one target; false where it failed.
fn fuzz(root: &Path, program: &Path, target: &str, seconds: u64) -> Result<bool, String> {
    let folder = |base: &str| {
        let folder = root.join(base).join(target);
        fs::create_dir_all(&folder).map(|()| folder.clone()).map_err(|e| format!("{}: {e}", folder.display()))
    };
    let (grown, crashes) = (folder(GROWN_FOLDER)?, folder(CRASHES_FOLDER)?);
    let mut command = Command::new(program);
    command.env(TARGET_VARIABLE, target).stdin(Stdio::null());
    command.arg(grown).arg(root.join(CORPUS_FOLDER).join(target));
    command.args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/", crashes.display())]);
    command.args([
        "-timeout=20",
        "-rss_limit_mb=4096",
        "-max_len=16384",
        "-print_final_stats=1",
        "-verbosity=0",
    ]);
    let status = command.status().map_err(|e| format!("{}: {e}", program.display()))?;
    Ok(status.success())
}

fn replay(program: &Path, target: &str, input: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.env(TARGET_VARIABLE, target).env("RUST_BACKTRACE", "1").stdin(Stdio::null()).arg(input);
    let status = command.status().map_err(|e| format!("{}: {e}", program.display()))?;
    if status.success() { Ok(()) } else { Err(format!("{target} fails on {input}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_follows_from_the_words() {
        let all = Plan { target: None, input: None, seconds: SECONDS_DEFAULT };
        assert_eq!(plan(&[]), Ok(all));
        let one = Plan { target: Some("ttlv"), input: None, seconds: 5 };
        assert_eq!(plan(&["ttlv", "--seconds", "5"]), Ok(one));
        let input = plan(&["ttlv", "crash-1"]).map(|plan| plan.input);
        assert_eq!(input, Ok(Some("crash-1")));
        for wrong in [&["--seconds"][..], &["ttlv", "--seconds", "x"], &["a", "b", "c"]] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }
}
