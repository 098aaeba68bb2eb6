//! Recovery shares on the command line: how many to make, and handing them out. Not here: what they unlock.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::offline::shares::Shares;
use keyreeve_server::start::StartError;

use super::server::started;
use crate::errors::{Failure, Result};
use crate::output::{self, Format};

/// Which recovery shares to make.
#[derive(Args)]
pub(super) struct NewShares {
    /// Make so many recovery shares, 2 to 255
    #[arg(long, value_name = "COUNT", requires = "threshold", value_parser = clap::value_parser!(u8).range(2..))]
    pub(super) shares: Option<u8>,
    /// How many of the shares unlock the root key, 2 to their number
    #[arg(long, value_name = "COUNT", requires = "shares", value_parser = clap::value_parser!(u8).range(2..))]
    pub(super) threshold: Option<u8>,
    /// Write each share to a file of its own in this folder, instead of all to stdout
    #[arg(long, value_name = "DIR", requires = "shares")]
    shares_dir: Option<PathBuf>,
}

impl NewShares {
    /// Count and threshold, where shares are wanted.
    pub(super) fn wanted(&self) -> Option<(u8, u8)> {
        self.shares.zip(self.threshold)
    }

    /// Makes what is wanted and hands it out.
    ///
    /// # Errors
    /// `Usage` for a threshold over the count, or JSON output without a folder; a file is there or cannot be written.
    pub(super) fn make(&self, format: Format) -> Result<Option<Shares>> {
        self.check(format)?;
        let Some((count, threshold)) = self.wanted() else { return Ok(None) };
        let shares = started(Shares::new(count, threshold))?;
        started(self.hand_out(&shares))?;
        Ok(Some(shares))
    }

    /// Refuses shares among JSON.
    ///
    /// # Errors
    /// `Usage`.
    pub(super) fn check(&self, format: Format) -> Result<()> {
        if self.shares.is_some() && self.shares_dir.is_none() && matches!(format, Format::Json) {
            return Err(Failure::usage("with JSON output, name a folder for the shares by --shares-dir"));
        }
        Ok(())
    }

    /// Gives the shares to whoever runs this, once.
    pub(super) fn hand_out(&self, shares: &Shares) -> Result<(), StartError> {
        match &self.shares_dir {
            Some(dir) => {
                for file in shares.write(dir)? {
                    output::message(&format!("a recovery share is in {}", file.display()));
                }
            }
            None => {
                for share in shares.lines() {
                    output::line(share).map_err(|error| StartError::Shares(error.to_string()))?;
                }
            }
        }
        output::message("keep each share in another place: they are told this once, and kept nowhere else");
        Ok(())
    }
}
