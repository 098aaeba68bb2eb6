//! `keyreeve context remove`.

use clap::Args;

use super::contexts;
use crate::errors::{Failure, Result};

/// Forget a context, and the token that was kept for it; other files stay.
#[derive(Args)]
pub(crate) struct Remove {
    /// The context
    name: String,
}

impl Remove {
    /// Writes it down.
    ///
    /// # Errors
    /// `State` where there is none of this name; a file cannot be written or removed.
    pub(super) fn run(self) -> Result<()> {
        let mut contexts = contexts()?;
        let known = contexts.named(&self.name)?;
        contexts.contexts.remove(&self.name);
        contexts.current = contexts.current.take().filter(|current| *current != self.name);
        let kept = contexts.token_path(&self.name)?;
        contexts.save()?;
        if known.token_file.as_ref() == Some(&kept) {
            std::fs::remove_file(&kept).map_err(|cause| Failure::file("remove", &kept, cause))?;
        }
        Ok(())
    }
}
