//! `keyreeve context use`.

use clap::Args;

use super::contexts;
use crate::errors::Result;

/// Use a context from now on, where neither flags nor the environment name a server.
#[derive(Args)]
pub(crate) struct Use {
    /// The context
    #[arg(required_unless_present = "none")]
    name: Option<String>,
    /// None of them
    #[arg(long, conflicts_with = "name")]
    none: bool,
}

impl Use {
    /// Writes it down.
    ///
    /// # Errors
    /// `State` where there is none of this name; the file cannot be written.
    pub(super) fn run(self) -> Result<()> {
        let mut contexts = contexts()?;
        if let Some(name) = &self.name {
            contexts.named(name)?;
        }
        contexts.current = self.name;
        contexts.save()
    }
}
