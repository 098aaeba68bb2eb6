//! The `keyreeve` binary: the server and the commands that talk to one. Not here: what a command does (commands/).

mod client;
mod commands;
mod completion;
mod contexts;
mod curl;
mod errors;
mod input;
mod listing;
mod output;
mod progress;
mod reading;
mod settings;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser};
use clap_complete::CompleteEnv;

use commands::{Command, Session};
use errors::{Kind, Result};
use output::Format;
use settings::Connection;

/// The server frees in one thread what it allocated in another, for every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = "\
Examples:
  keyreeve dev --dir /tmp/keyreeve       start a key manager to try things with
  . /tmp/keyreeve/env                    in another shell: where it is, and who you are
  keyreeve key create demo --algorithm aes-256
  echo hello | keyreeve encrypt demo | keyreeve decrypt demo
  keyreeve journal show

Exit codes:
  0  done
  1  the command line, or a value in it, cannot be accepted
  2  the server cannot be reached or has a fault, or a file cannot be read or written
  3  denied
  4  not found, there already, or in a state that does not allow this
  5  verification failed: a signature, a ciphertext, the journal or a backup is not what it should be
  6  `doctor` has warnings";

/// Keyreeve: an open key management system.
#[derive(Parser)]
#[command(name = "keyreeve", version, propagate_version = true, after_help = EXAMPLES)]
struct Arguments {
    /// Form of the output
    #[arg(short, long, global = true, value_enum, default_value_t, hide_default_value = true)]
    output: Format,
    /// Print what would be asked of the server as a line of curl, and do nothing; of several requests the first
    #[arg(long, global = true)]
    output_curl: bool,
    /// Print help and errors without colours, as with NO_COLOR in the environment
    #[arg(long, global = true)]
    no_color: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    CompleteEnv::with_factory(|| completion::completed(command())).var(completion::VARIABLE).complete();
    let arguments =
        match command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches)) {
            Ok(arguments) => arguments,
            Err(error) => return not_run(&error),
        };
    let session = Session {
        format: arguments.output,
        connection: arguments.connection,
        prints_curl: arguments.output_curl,
    };
    report(arguments.command.run(&session))
}

/// The command line, in the colours that are wanted, before any of it is read.
pub(crate) fn command() -> clap::Command {
    // Clap itself keeps to NO_COLOR, and to what is no terminal.
    let plain = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--no-color");
    Arguments::command().color(if plain { ColorChoice::Never } else { ColorChoice::Auto })
}

/// Help and version go to stdout and are no mistakes; everything else is one.
fn not_run(error: &clap::Error) -> ExitCode {
    // A reader that is gone wanted no more of it.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure.kind(), Kind::ReaderGone | Kind::Printed) {
                output::message(&format!("keyreeve: {failure}"));
            }
            failure.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// Help of a command and of those below it, under a line with its name.
    fn help(command: &mut Command, name: &str, text: &mut String) {
        text.push_str(&format!("==== {name} ====\n\n{}\n", command.render_long_help()));
        for below in
            command.get_subcommands_mut().filter(|below| below.get_name() != "help" && !below.is_hide_set())
        {
            let name = format!("{name} {}", below.get_name());
            help(below, &name, text);
        }
    }

    /// Scripts rely on every flag in it: a change must be seen. `docs/commands.txt` is for readers, too.
    #[test]
    fn docs_tell_every_command_and_flag() {
        let mut text = String::new();
        let mut command = Arguments::command();
        command.build();
        help(&mut command, "keyreeve", &mut text);
        let text: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.txt");
        if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let told = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            told == text,
            "docs/commands.txt is not what --help says: run this with KEYREEVE_WRITE_GOLDEN=1"
        );
    }
}
