//! `keyreeve wrap` and `keyreeve unwrap`.

use clap::Args;

use super::encrypt::write_made;
use super::{Session, Streams, WrapAlgorithm, word};
use crate::client::{segment, with_query};
use crate::errors::Result;
use crate::output::Audience;

const EXAMPLES: &str = "\
Examples:
  keyreeve wrap transport --in key.bin --out key.wrapped
  keyreeve unwrap transport --in key.wrapped --out key.bin";

/// Wrap key material of your own under a key of the server, raw bytes in and out.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Wrap {
    #[command(flatten)]
    how: How,
}

/// Unwrap what `wrap` made, raw bytes in and out. Exit code 5: it was not wrapped so, or was changed since.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unwrap {
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// The key
    name: String,
    /// How; the default is aes-kwp with an AES key and rsa-oaep-sha256 with an RSA key
    #[arg(long, value_enum)]
    algorithm: Option<WrapAlgorithm>,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
}

impl Wrap {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.how.run(session, "wrap", "wrapped", Audience::Umask)
    }
}

impl Unwrap {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.how.run(session, "unwrap", "plaintext", Audience::Owner)
    }
}

impl How {
    fn run(&self, session: &Session, doing: &str, field: &str, audience: Audience) -> Result<()> {
        let mut query = Vec::new();
        query.extend(self.algorithm.map(|algorithm| ("algorithm", word(algorithm))));
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        let path = with_query(&format!("/v1/keys/{}/{doing}", segment(&self.name)), &query);
        let data = session.data(self.streams.input.as_deref())?;
        let made = session.client()?.post_bytes(&path, &data)?;
        write_made(session, &self.streams, field, &made, audience)
    }
}
