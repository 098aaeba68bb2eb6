//! `keyreeve datakey`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::encrypt::Binding;
use super::{Session, required, text};
use crate::client::segment;
use crate::errors::{Failure, Result};
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve datakey demo -o json
  keyreeve datakey demo --plaintext-out key.bin --out key.enc
  keyreeve datakey demo --no-plaintext --out key.enc       for whoever may decrypt it later
  keyreeve decrypt demo --in key.enc --out key.bin";

/// Make a data key: random bytes, in the clear and encrypted by a key, to encrypt with elsewhere.
///
/// The plaintext is to be used and forgotten, the ciphertext to be kept: `decrypt` gives the plaintext back.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DataKey {
    /// The key
    name: String,
    /// Bits of the data key: 128, 192, 256 or 512
    #[arg(long, default_value_t = 256)]
    bits: u16,
    /// The ciphertext alone
    #[arg(long, conflicts_with = "plaintext_out")]
    no_plaintext: bool,
    #[command(flatten)]
    binding: Binding,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Write the ciphertext to this file instead of printing it in base64
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the plaintext to this file, which its owner alone can read, instead of printing it in base64
    #[arg(long, value_name = "FILE")]
    plaintext_out: Option<PathBuf>,
}

impl DataKey {
    /// Asks, writes, prints.
    ///
    /// # Errors
    /// As every request; a file cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let body = json!({
            "bits": self.bits,
            "plaintext": !self.no_plaintext,
            "version": self.key_version,
            "context": self.binding.context(),
        });
        let mut answer =
            session.client()?.post(&format!("/v1/keys/{}/datakey", segment(&self.name)), &body)?;
        let files =
            [("plaintext", &self.plaintext_out, Audience::Owner), ("ciphertext", &self.out, Audience::Umask)];
        for (field, file, audience) in files {
            let Some(path) = file else { continue };
            let bytes = STANDARD.decode(required(&answer, field)?).map(Zeroizing::new);
            let bytes = bytes.map_err(|_| Failure::answer("no base64"))?;
            output::write_file(path, &bytes, audience)?;
            answer.as_object_mut().map(|fields| fields.remove(field));
        }
        if session.format == Format::Json {
            return output::json(&answer);
        }
        let present = |field: &&str| answer.get(field).is_some_and(|value| *value != Value::Null);
        let fields = ["version", "object_id", "plaintext", "ciphertext"];
        output::pairs(
            &fields
                .into_iter()
                .filter(present)
                .map(|field| (field, text(&answer, field)))
                .collect::<Vec<_>>(),
        )
    }
}
