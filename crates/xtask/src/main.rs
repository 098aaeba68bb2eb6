//! House tasks: `cargo xtask tidy`, `test`, `fuzz`, `bench` and `ci`. One file a command. Not part of the product.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the person at the terminal")]

mod bench;
mod ci;
mod fuzz;
mod steps;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  tidy          check the rules of the house that no compiler checks
  test [--long] install what the tests need, then run every test; --long adds the slow ones
  fuzz [TARGET [INPUT]] [--seconds N]
                run each fuzz target for a minute, or for so long; or replay an input
  bench [--peer openbao] [--keys N] [--seconds N]
                load a server of its own for 5 or so many seconds a row and print the table of docs/performance.md, then
                that of one with a million or so many keys (0: leave it out); --peer beside a real OpenBao
  ci            tidy, fmt, clippy, deny and test: what .ci/run runs";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = repository().and_then(|root| match arguments.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["test"] => test::run(&root, test::Extent::Short),
        ["test", "--long"] => test::run(&root, test::Extent::Long),
        ["fuzz", arguments @ ..] => fuzz::run(&root, arguments),
        ["bench", arguments @ ..] => bench::run(&root, arguments),
        ["ci"] => ci::run(&root),
        _ => Err(USAGE.to_owned()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root folder, two above this package's.
fn repository() -> Result<PathBuf, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("run this as `cargo xtask COMMAND`")?;
    let root = Path::new(&package).ancestors().nth(2).ok_or("the xtask package has no parent folder")?;
    Ok(root.to_owned())
}
