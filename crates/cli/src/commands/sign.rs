//! `keyreeve sign`.

use clap::Args;

use super::encrypt::write_made;
use super::message::{Message, Place};
use super::{Scheme, Session, Streams};
use crate::client::segment;
use crate::errors::Result;
use crate::output::Audience;

const EXAMPLES: &str = "\
Examples:
  keyreeve sign release < package.tar > package.sig
  openssl dgst -sha256 -binary package.tar | keyreeve sign release --digest --hash sha256 > package.sig";

/// Sign data with a key: the bare signature, as openssl and others take it.
///
/// RSA signs with PSS, SHA-256 and a salt of 32 bytes; ECDSA with the SHA-2 of its curve, in DER; Ed25519 is pure. RSA and
/// EC keys sign data of any size; others take it in one piece, of at most 8 MiB.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sign {
    /// The key
    name: String,
    #[command(flatten)]
    scheme: Scheme,
    /// Use this version of the key; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    #[command(flatten)]
    streams: Streams,
}

impl Sign {
    /// Reads, asks, writes.
    ///
    /// # Errors
    /// As every request; the data cannot be read or the result not written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let mut query = self.scheme.query();
        query.extend(self.key_version.map(|version| ("version", version.to_string())));
        let whole = format!("/v1/keys/{}/sign", segment(&self.name));
        let place = Place { whole: &whole, stream: &format!("{whole}-stream"), query: &query };
        let message = Message::read(session, self.streams.input.as_deref())?;
        let made = message.post(&mut session.client()?, &place)?;
        write_made(session, &self.streams, "signature", &made, Audience::Umask)
    }
}
