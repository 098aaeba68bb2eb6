//! `keyreeve random`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::{Session, hexadecimal, required};
use crate::errors::{Failure, Result};
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve random 32 > seed
  keyreeve random 16 --hex";

/// Get random bytes from the server's generator, raw.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Random {
    /// How many bytes
    #[arg(value_name = "BYTES")]
    length: usize,
    /// Print them in hexadecimal
    #[arg(long, conflicts_with = "base64")]
    hex: bool,
    /// Print them in base64
    #[arg(long)]
    base64: bool,
}

impl Random {
    /// Asks and prints.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let answer = session.client()?.post("/v1/random", &json!({ "length": self.length }))?;
        if session.format == Format::Json {
            return output::json(&answer);
        }
        let text = required(&answer, "random")?;
        if self.base64 {
            return output::line(text);
        }
        let bytes = STANDARD.decode(text).map_err(|_| Failure::answer("no base64"))?;
        if self.hex {
            return output::line(&hexadecimal(&bytes));
        }
        output::bytes(&bytes, None, Audience::Umask)
    }
}
