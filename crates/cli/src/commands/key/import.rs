//! `keyreeve key import`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::{der, path, print};
use crate::commands::new_key::NewKey;
use crate::commands::{KeyForm, Session, WrapAlgorithm, algorithm, text, word};
use crate::errors::{Failure, Result};
use crate::{input, output};

const EXAMPLES: &str = "\
Examples:
  keyreeve key import signer --from signer.pem
  keyreeve key import server --from server.der
  keyreeve key import legacy --from legacy.bin --format raw --algorithm aes-256
  keyreeve key import brought --from brought.wrapped --wrapped-with keyreeve-wrapping-key --algorithm aes-256
  keyreeve key import signer --from next.pem --as-version";

/// Bring a key that was made elsewhere, or a public key alone.
///
/// PEM, JSON Web Keys and DER tell what they are; of raw bytes say --format. A wrapped key holds raw bytes unless --format
/// says more.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// Its name, unique in the realm
    name: String,
    /// File with the key
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Form of the key
    #[arg(long, value_enum)]
    format: Option<KeyForm>,
    /// Its algorithm, where the form does not tell it
    #[arg(short, long, value_parser = algorithm)]
    algorithm: Option<String>,
    /// It is wrapped, and this key of the server unwraps it
    #[arg(long, value_name = "KEY")]
    wrapped_with: Option<String>,
    /// How it is wrapped; the default is aes-kwp with an AES key and rsa-oaep-sha256 with an RSA key
    #[arg(long, value_enum, requires = "wrapped_with")]
    wrap_algorithm: Option<WrapAlgorithm>,
    /// It is the next version of a key that is there
    #[arg(long, conflicts_with_all = ["algorithm", "usage", "tags", "exportable", "reject_duplicates"])]
    as_version: bool,
    /// What it may be used for; the default is every use that fits the algorithm
    #[arg(long, value_delimiter = ',', value_name = "USE,...")]
    usage: Option<Vec<String>>,
    #[command(flatten)]
    new_key: NewKey,
    /// Refuse material that an object has already, or had before it was destroyed; without it that is told
    #[arg(long)]
    reject_duplicates: bool,
}

impl Import {
    /// Reads the file, asks, and prints the key.
    ///
    /// # Errors
    /// `Usage` where nobody says what form it has; the file cannot be read; as every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let material = self.material()?;
        let mut client = session.client()?;
        if self.as_version {
            let body = json!({ "material": material });
            let answer = client.post(&path(&self.name, "/versions"), &body);
            return show(session, &answer.map_err(|failure| self.hinted(failure))?);
        }
        let mut body = json!({
            "name": self.name,
            "material": material,
            "reject_duplicates": self.reject_duplicates,
        });
        self.new_key.put_into(&mut body);
        let given = [
            ("algorithm", self.algorithm.clone().map(Value::from)),
            ("usage", self.usage.clone().map(Value::from)),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        show(session, &client.post("/v1/keys", &body).map_err(|failure| self.hinted(failure))?)
    }

    /// A key that cannot be read may be in a form that others know.
    fn hinted(&self, failure: Failure) -> Failure {
        match (failure.code(), self.format) {
            (Some("invalid_field"), None | Some(KeyForm::Pem)) if self.wrapped_with.is_none() => {
                let file = self.from.display();
                failure.with_hint(&format!("`openssl pkey -in {file}` writes a private key as PKCS#8 in PEM"))
            }
            _ => failure,
        }
    }

    /// As the API takes it. Holds a secret.
    fn material(&self) -> Result<Value> {
        let bytes = input::data(Some(&self.from))?;
        let form = match self.format {
            Some(form) => form,
            None if self.wrapped_with.is_some() => KeyForm::Raw,
            None if bytes.starts_with(b"-----BEGIN ") => KeyForm::Pem,
            None if bytes.trim_ascii_start().starts_with(b"{") => KeyForm::Jwk,
            None => der::form(&bytes).ok_or_else(|| {
                let file = self.from.display();
                Failure::usage(format!(
                    "{file} is neither PEM nor a JSON Web Key nor a key in DER: say --format"
                ))
            })?,
        };
        if matches!(form, KeyForm::Pem) {
            refuse_other_pem(&bytes, &self.from)?;
        }
        let wrong = |what: &str| Failure::usage(format!("{} is no {what}", self.from.display()));
        let data: Value = match form {
            _ if self.wrapped_with.is_some() => STANDARD.encode(&bytes).into(),
            KeyForm::Pem => std::str::from_utf8(&bytes).map_err(|_| wrong("PEM text"))?.into(),
            KeyForm::Jwk => serde_json::from_slice(&bytes).map_err(|_| wrong("JSON"))?,
            _ => STANDARD.encode(&bytes).into(),
        };
        let mut material = json!({ "format": word(form), "data": data });
        if let Some(key) = &self.wrapped_with {
            material["wrapped_with"] = key.clone().into();
        }
        if let Some(algorithm) = self.wrap_algorithm {
            material["wrap_algorithm"] = word(algorithm).into();
        }
        Ok(material)
    }
}

/// Prints the key, and says whose material it is.
fn show(session: &Session, key: &Value) -> Result<()> {
    print(session, key)?;
    match text(key, "duplicate_of") {
        object if object.is_empty() => {}
        object => output::message(&format!(
            "this material is a duplicate: the object {object} has it, or had it; --reject-duplicates refuses that"
        )),
    }
    Ok(())
}

/// PEM that holds no key in the clear, which another program may turn into one.
fn refuse_other_pem(pem: &[u8], file: &Path) -> Result<()> {
    let has = |text: &str| pem.windows(text.len()).any(|window| window == text.as_bytes());
    let file = file.display();
    if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") {
        let text = format!(
            "{file} is encrypted with a passphrase: `openssl pkey -in {file}` asks for it and writes the key"
        );
        return Err(Failure::usage(text));
    }
    if has("-----BEGIN CERTIFICATE-----") {
        let text = format!(
            "{file} is a certificate: `keyreeve object add --type certificate` keeps it, and `openssl x509 -in {file} \
             -noout -pubkey` writes its public key"
        );
        return Err(Failure::usage(text));
    }
    Ok(())
}
