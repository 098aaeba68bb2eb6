//! `keyreeve man`.

use std::path::PathBuf;

use clap::Args;

use crate::errors::{Failure, Result};
use crate::output::{self, Audience};

const EXAMPLES: &str = "\
Examples:
  keyreeve man | man -l -
  keyreeve man --dir /usr/local/share/man/man1";

/// Print the manual page, or write one for every command.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// Write a page for every command into this folder
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    ///
    /// # Errors
    /// The folder or stdout cannot be written.
    pub(super) fn run(self) -> Result<()> {
        let Some(dir) = &self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(crate::command()).render(&mut page)?;
            return output::bytes(&page, None, Audience::Umask);
        };
        let wrong = |cause: std::io::Error| Failure::file("write into", dir, cause);
        std::fs::create_dir_all(dir).map_err(wrong)?;
        clap_mangen::generate_to(crate::command(), dir).map_err(wrong)
    }
}
