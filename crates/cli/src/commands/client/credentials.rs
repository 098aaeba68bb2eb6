//! What a new or renewed client gets: certificate and key as PEM files, a certificate for its own request, or a PKCS#12
//! file. Not here: making any of them, which is the server's work.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::commands::{Session, required, text};
use crate::errors::{Failure, Result};
use crate::input;
use crate::output::{self, Audience, Format};

/// Random bytes in a password that is made here.
const PASSWORD_BYTES: usize = 18;

/// Which credentials, and where they are written.
#[derive(Args)]
pub(crate) struct Credentials {
    /// Issue the certificate for this certificate request (PEM); its private key stays where it is
    #[arg(long, value_name = "FILE", conflicts_with = "p12")]
    csr: Option<PathBuf>,
    /// Take this certificate (PEM) of another authority as it is, for an old appliance that cannot have one of ours; it
    /// counts on listen.appliances alone
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csr", "p12", "days"])]
    pin: Option<PathBuf>,
    /// Write certificate, private key and CA to this PKCS#12 file instead of PEM files
    #[arg(long, value_name = "FILE")]
    p12: Option<PathBuf>,
    /// File whose first line is the password of the PKCS#12 file; without it the password is asked for, or read from
    /// stdin, or, where that is empty, made and written to FILE.password
    #[arg(long, value_name = "FILE", requires = "p12")]
    password_file: Option<PathBuf>,
    /// Folder for NAME.pem and NAME.key
    #[arg(long, value_name = "DIR", default_value = ".", conflicts_with = "p12")]
    out_dir: PathBuf,
    /// Days that the certificate is valid
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

impl Credentials {
    /// Files that would be written.
    fn files(&self, name: &str) -> Vec<PathBuf> {
        if self.pin.is_some() {
            return Vec::new();
        }
        match (&self.p12, &self.csr) {
            (Some(p12), _) => vec![p12.clone()],
            (None, Some(_)) => vec![self.file(name, "pem")],
            (None, None) => vec![self.file(name, "key"), self.file(name, "pem")],
        }
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.out_dir.join(format!("{name}.{extension}"))
    }

    /// Refuses to write over files that may be somebody's only key, or through links and pipes that lead elsewhere.
    ///
    /// # Errors
    /// `State` where one is there.
    pub(in crate::commands) fn check_free(&self, name: &str, token: bool) -> Result<()> {
        let mut files = self.files(name);
        files.extend(token.then(|| self.file(name, "token")));
        files.extend(self.p12.as_deref().filter(|_| self.password_file.is_none()).map(beside));
        files.iter().try_for_each(|path| output::check_free(path))
    }

    /// Adds what is wanted to the body of a request. What it adds may be a secret.
    ///
    /// # Errors
    /// A file cannot be read; no password can be had.
    pub(in crate::commands) fn ask(&self, client: &mut Client, body: &mut Map<String, Value>) -> Result<()> {
        for (field, file) in [("csr", &self.csr), ("pin", &self.pin)] {
            let Some(path) = file else { continue };
            let read = input::data(Some(path))?;
            let pem = std::str::from_utf8(&read);
            let pem = pem.map_err(|_| Failure::usage(format!("{} is no PEM", path.display())))?;
            body.insert(field.into(), pem.into());
        }
        if let Some(path) = &self.p12 {
            let given = input::password(self.password_file.as_deref(), "Password of the PKCS#12 file")?;
            let password = match given {
                Some(password) => password,
                None => generated(client, path)?,
            };
            body.insert("p12_password".into(), password.as_str().into());
        }
        if let Some(days) = self.days {
            body.insert("days".into(), days.into());
        }
        Ok(())
    }

    /// Writes the files out of an answer, and prints who the client is and where its files are.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(in crate::commands) fn write(&self, session: &Session, name: &str, mut answer: Value) -> Result<()> {
        for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            output::message(&format!(
                "warning: of the pinned certificate: {}",
                warning.as_str().unwrap_or_default()
            ));
        }
        let files = self.write_files(name, &answer).map_err(|failure| {
            failure.with_hint("the client is there all the same: `client renew` gives it another certificate")
        })?;
        if let Some(fields) = answer.as_object_mut() {
            ["private_key", "pkcs12", "token"].iter().for_each(|secret| drop(fields.remove(*secret)));
            if self.pin.is_none() {
                fields.insert("files".into(), json!(files));
            }
        }
        match session.format {
            Format::Json => output::json(&answer),
            Format::Table => {
                let fields = ["name", "recorded_as", "id", "roles", "expires", "files"];
                let present = fields.iter().filter(|field| answer.get(field).is_some());
                output::pairs(&present.map(|field| (*field, text(&answer, field))).collect::<Vec<_>>())
            }
        }
    }

    fn write_files(&self, name: &str, answer: &Value) -> Result<Vec<PathBuf>> {
        let mut files = self.files(name);
        if let Some(p12) = &self.p12 {
            let bundle =
                STANDARD.decode(required(answer, "pkcs12")?).map_err(|_| Failure::answer("no base64"))?;
            output::write_file(p12, &bundle, Audience::Owner)?;
        } else if self.pin.is_none() {
            if self.csr.is_none() {
                let key = required(answer, "private_key")?;
                output::write_file(&self.file(name, "key"), key.as_bytes(), Audience::Owner)?;
            }
            let certificate = required(answer, "certificate")?;
            output::write_file(&self.file(name, "pem"), certificate.as_bytes(), Audience::Umask)?;
        }
        if let Some(token) = answer.get("token").and_then(Value::as_str) {
            let path = self.file(name, "token");
            output::write_file(&path, format!("{token}\n").as_bytes(), Audience::Owner)?;
            files.push(path);
        }
        Ok(files)
    }
}

/// A password from the server's generator, written beside the file that it opens.
fn generated(client: &mut Client, p12: &Path) -> Result<Zeroizing<String>> {
    client.first_of_several("it makes the password of the PKCS#12 file, for which the next one asks");
    let answer = client.post("/v1/random", &json!({ "length": PASSWORD_BYTES }))?;
    let password = Zeroizing::new(required(&answer, "random")?.to_owned());
    let path = beside(p12);
    output::write_file(&path, format!("{}\n", *password).as_bytes(), Audience::Owner)?;
    output::message(&format!("the password of {} is in {}", p12.display(), path.display()));
    Ok(password)
}

/// The file of the password that is made here.
fn beside(p12: &Path) -> PathBuf {
    let mut path = p12.as_os_str().to_owned();
    path.push(".password");
    path.into()
}
