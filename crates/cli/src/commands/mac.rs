//! `keyreeve mac`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::message::{Message, Place};
use super::{Session, hexadecimal, unhexed, word};
use crate::client::segment;
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve mac seal < message.txt
  keyreeve mac seal --in message.txt --verify 3b5a...";

/// Make a message authentication code (MAC) over data and print it in hexadecimal, or verify one.
///
/// Data may have any size. Exit code 5: it is not valid.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Mac {
    /// The key
    name: String,
    /// Verify this MAC, in hexadecimal: prints `valid` or `not valid`
    #[arg(long, value_name = "HEX", value_parser = unhexed)]
    verify: Option<Bytes>,
    /// Kind of MAC; the default is the key's own, with an AES key cmac
    #[arg(short, long, value_enum, ignore_case = true)]
    algorithm: Option<Algorithm>,
    /// Use this version of the key; the default is the newest, and to verify each, newest first
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Read the data from this file instead of stdin
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
}

/// A kind of MAC.
#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// With an AES key, SP 800-38B
    Cmac,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

/// Bytes that a flag gives.
pub(super) type Bytes = std::sync::Arc<[u8]>;

impl Mac {
    /// Reads, asks, prints.
    ///
    /// # Errors
    /// `Verification` where the MAC is not valid; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = Vec::new();
        query.extend(self.algorithm.map(|algorithm| ("algorithm", word(algorithm))));
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        query.extend(self.verify.as_ref().map(|mac| ("mac", STANDARD.encode(mac))));
        let below = if self.verify.is_some() { "/verify" } else { "" };
        let path = |word: &str| format!("/v1/keys/{}/{word}{below}", segment(&self.name));
        let place = Place { whole: &path("mac"), stream: &path("mac-stream"), query: &query };
        let message = Message::read(session, self.input.as_deref())?;
        let mut client = session.client()?;
        if self.verify.is_none() {
            let made = message.post(&mut client, &place)?;
            return match session.format {
                Format::Json => {
                    output::json(&json!({ "mac": STANDARD.encode(&made.bytes), "version": made.version }))
                }
                Format::Table => output::line(&hexadecimal(&made.bytes)),
            };
        }
        let verdict = message.post_for_json(&mut client, &place)?;
        let valid =
            verdict.get("valid").and_then(Value::as_bool).ok_or_else(|| Failure::answer("no verdict"))?;
        match session.format {
            Format::Json => output::json(&verdict)?,
            Format::Table => output::line(if valid { "valid" } else { "not valid" })?,
        }
        if valid {
            return Ok(());
        }
        Err(Failure::new(Kind::Verification, "the MAC is not valid for this data and key"))
    }
}
