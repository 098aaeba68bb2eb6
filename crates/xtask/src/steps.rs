//! Runs a command's steps one after another and reports the time of each. Not here: what the steps are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A named series of steps that stops at the first failure.
pub(crate) struct Steps {
    root: PathBuf,
    environment: Vec<(OsString, OsString)>,
    times: Vec<(String, Duration)>,
}

impl Steps {
    /// Starts a series in the repository's root folder.
    pub(crate) fn new(root: &Path) -> Self {
        Steps { root: root.to_owned(), environment: Vec::new(), times: Vec::new() }
    }

    /// Sets an environment variable for every command that follows.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    /// Runs a step that is a function of this program.
    ///
    /// # Errors
    /// What the step answers, after its name.
    pub(crate) fn call(
        &mut self,
        name: &str,
        step: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        println!("\n== {name}");
        let started = Instant::now();
        let result = step();
        let took = started.elapsed();
        println!(
            "== {name}: {}, {:.1} s",
            if result.is_ok() { "done" } else { "FAILED" },
            took.as_secs_f64()
        );
        self.times.push((name.to_owned(), took));
        result.map_err(|why| format!("{name}: {why}"))
    }

    /// Runs a step that is one command, given as its words.
    ///
    /// # Errors
    /// Says which command could not start or how it ended.
    pub(crate) fn command(&mut self, name: &str, words: &[&str]) -> Result<(), String> {
        let mut command = command(words);
        command.current_dir(&self.root).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        self.call(name, || {
            let status =
                command.status().map_err(|e| format!("`{}` does not start: {e}", words.join(" ")))?;
            if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", words.join(" "))) }
        })
    }

    /// Prints the time of each step.
    pub(crate) fn report(&self) {
        let total: Duration = self.times.iter().map(|(_, took)| *took).sum();
        println!("\n== times");
        for (name, took) in &self.times {
            println!("{:8.1} s  {name}", took.as_secs_f64());
        }
        println!("{:8.1} s  in all", total.as_secs_f64());
    }
}

/// Whether a command can be started and succeeds; its output is dropped.
pub(crate) fn succeeds(words: &[&str]) -> bool {
    let mut command = command(words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command of these words; `cargo` is the one that runs this program.
fn command(words: &[&str]) -> Command {
    match words {
        ["cargo", arguments @ ..] => {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(arguments);
            cargo
        }
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        [] => Command::new("false"),
    }
}
