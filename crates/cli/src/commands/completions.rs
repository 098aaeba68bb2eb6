//! `keyreeve completions`.

use clap::{Args, ValueEnum};
use clap_complete::env::{EnvCompleter, Shells};

use crate::completion::VARIABLE;
use crate::errors::{Failure, Result};
use crate::output::{self, Audience};

const EXAMPLES: &str = "\
Examples:
  eval \"$(keyreeve completions bash)\"         in ~/.bashrc
  eval \"$(keyreeve completions zsh)\"          in ~/.zshrc
  keyreeve completions fish | source          in ~/.config/fish/config.fish";

/// Print what makes a shell complete commands, flags, and names of keys, clients and contexts.
///
/// Names are asked of the server that the environment or the context in use names.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints it.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn run(self) -> Result<()> {
        let shells = Shells::builtins();
        let shell = shells.completer(&super::word(self.shell));
        let shell: &dyn EnvCompleter = shell.ok_or_else(|| Failure::usage("this shell is not known"))?;
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, "keyreeve", "keyreeve", "keyreeve", &mut script)?;
        output::bytes(&script, None, Audience::Umask)
    }
}
