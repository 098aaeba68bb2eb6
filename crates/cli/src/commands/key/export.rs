//! `keyreeve key export`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::path;
use crate::client::with_query;
use crate::commands::{Session, required, word};
use crate::errors::{Failure, Result};
use crate::output::{self, Audience, Format};

const EXAMPLES: &str = "\
Examples:
  keyreeve key export pair --public > pair.pem
  keyreeve key export payload --wrap-with transport --out payload.wrapped";

/// Export a public key in PEM (SubjectPublicKeyInfo), or secret or private material, wrapped by another key.
///
/// Material leaves only where the key was created with --exportable, and only wrapped: raw for a symmetric key, PKCS#8
/// for a private one, inside the wrapping.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The key
    name: String,
    /// The public half, in PEM
    #[arg(long, conflicts_with_all = ["wrap_with", "wrap_algorithm"])]
    public: bool,
    /// The secret or private material, wrapped by this key
    #[arg(long, value_name = "KEY")]
    wrap_with: Option<String>,
    /// How it is wrapped; the default is aes-kwp
    #[arg(long, value_enum, requires = "wrap_with")]
    wrap_algorithm: Option<WrapAlgorithm>,
    /// This version; the default is the newest
    #[arg(long, value_name = "NUMBER")]
    key_version: Option<u32>,
    /// Write to this file, whole or not at all, instead of stdout
    #[arg(long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How material is wrapped.
#[derive(Clone, Copy, ValueEnum)]
enum WrapAlgorithm {
    /// RFC 3394; material of a multiple of 8 bytes
    AesKw,
    /// RFC 5649
    AesKwp,
    /// RFC 8017 with SHA-256; short material
    RsaOaepSha256,
}

impl Export {
    /// Asks and writes.
    ///
    /// # Errors
    /// `Usage` where neither half is chosen; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        if self.public {
            return self.export_public(session);
        }
        let Some(wrapping) = &self.wrap_with else {
            let text = "say what to export: --public for the public half, or --wrap-with KEY for the secret or private \
                        material, which leaves the server only wrapped";
            return Err(Failure::usage(text));
        };
        let mut body = json!({ "wrap_with": wrapping, "version": self.key_version });
        if let Some(algorithm) = self.wrap_algorithm {
            body["wrap_algorithm"] = word(algorithm).into();
        }
        let answer = session.client()?.post(&path(&self.name, "/export"), &body)?;
        if session.format == Format::Json {
            return output::bytes(
                output::json_text(&answer).as_bytes(),
                self.out.as_deref(),
                Audience::Owner,
            );
        }
        let wrapped =
            STANDARD.decode(required(&answer, "wrapped")?).map_err(|_| Failure::answer("no base64"))?;
        output::bytes(&wrapped, self.out.as_deref(), Audience::Owner)
    }

    fn export_public(&self, session: &Session) -> Result<()> {
        let query: Vec<_> =
            self.key_version.map(|version| ("version", version.to_string())).into_iter().collect();
        let pem = session.client()?.get_bytes(&with_query(&path(&self.name, "/public"), &query))?;
        if session.format == Format::Json {
            let pem = std::str::from_utf8(&pem).map_err(|_| Failure::answer("no PEM"))?;
            let value = json!({ "public": pem });
            return output::bytes(output::json_text(&value).as_bytes(), self.out.as_deref(), Audience::Umask);
        }
        output::bytes(&pem, self.out.as_deref(), Audience::Umask)
    }
}
