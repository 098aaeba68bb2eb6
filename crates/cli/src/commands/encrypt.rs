//! `keyreeve encrypt`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Session, Streams, name_and_value};
use crate::client::{Made, segment, with_query};
use crate::errors::Result;
use crate::input;
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve encrypt demo < letter.txt > letter.enc
  keyreeve encrypt demo --in letter.txt --out letter.enc --context customer=42";

/// Encrypt data with a key, raw bytes in and out.
///
/// The ciphertext names the key and its version, so that `decrypt` finds them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Encrypt {
    /// The key
    name: String,
    #[command(flatten)]
    binding: Binding,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
}

/// What a ciphertext is bound to.
#[derive(Args)]
pub(crate) struct Binding {
    /// Bind the ciphertext to this pair, which `decrypt` must name again; repeat for more pairs
    #[arg(long = "context", value_name = "NAME=VALUE", value_parser = name_and_value)]
    context: Vec<(String, String)>,
}

impl Encrypt {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = self.binding.query();
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        let path = with_query(&format!("/v1/keys/{}/encrypt", segment(&self.name)), &query);
        let plaintext = input::data(self.streams.input.as_deref())?;
        let made = session.client()?.post_bytes(&path, &plaintext)?;
        write_made(session, &self.streams, "ciphertext", &made, Audience::Umask)
    }
}

impl Binding {
    /// As the API's query names it.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        if self.context.is_empty() {
            return Vec::new();
        }
        let pairs = self.context.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
        vec![("context", Value::Object(pairs.collect::<Map<_, _>>()).to_string())]
    }
}

/// Writes what a key made: the bytes, or JSON with the bytes in base64 under `field`.
///
/// # Errors
/// The file or stdout cannot be written.
pub(super) fn write_made(
    session: &Session,
    streams: &Streams,
    field: &str,
    made: &Made,
    audience: Audience,
) -> Result<()> {
    match session.format {
        Format::Table => output::bytes(&made.bytes, streams.out.as_deref(), audience),
        Format::Json => {
            let value = json!({ field: STANDARD.encode(&made.bytes), "version": made.version });
            output::bytes(output::json_text(&value).as_bytes(), streams.out.as_deref(), audience)
        }
    }
}
