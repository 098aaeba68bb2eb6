//! `keyreeve decrypt`.

use clap::Args;

use super::encrypt::{Binding, write_made};
use super::{Session, Streams};
use crate::client::{segment, with_query};
use crate::errors::{Failure, Kind, Result};
use crate::input;
use crate::output::Audience;

const EXAMPLES: &str = "\
Examples:
  keyreeve decrypt demo < letter.enc > letter.txt
  keyreeve decrypt demo --in letter.enc --out letter.txt --context customer=42
  openssl pkeyutl -encrypt -pubin -inkey pair.pem -pkeyopt rsa_padding_mode:oaep \\
      -pkeyopt rsa_oaep_md:sha256 -in letter.txt | keyreeve decrypt pair";

/// Decrypt what `encrypt` made, raw bytes in and out.
///
/// Exit code 5: it was not made by this key and context, or it was changed since.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Decrypt {
    /// The key
    name: String,
    #[command(flatten)]
    binding: Binding,
    /// Version of the key, for ciphertexts that do not name it (RSA)
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
}

impl Decrypt {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = self.binding.query();
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        let path = with_query(&format!("/v1/keys/{}/decrypt", segment(&self.name)), &query);
        let ciphertext = input::data(self.streams.input.as_deref())?;
        let made = session.client()?.post_bytes(&path, &ciphertext).map_err(not_opened)?;
        write_made(session, &self.streams, "plaintext", &made, Audience::Owner)
    }
}

/// What is no ciphertext at all does not open either: scripts need not tell the two apart.
fn not_opened(failure: Failure) -> Failure {
    match failure.code() {
        Some("invalid_field") => failure.into_kind(Kind::Verification),
        _ => failure,
    }
}
