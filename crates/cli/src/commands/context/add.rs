//! `keyreeve context add`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::contexts;
use crate::commands::Session;
use crate::contexts::{Contexts, make_folder};
use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Audience};
use crate::settings::{Address, Known, Server};

const EXAMPLES: &str = "\
Examples:
  . /tmp/keyreeve/env && keyreeve context add dev
  keyreeve context add prod --addr https://keys.example.org:8443 --ca ca.pem --client-cert me.pem --client-key me.key
  keyreeve --context prod key list";

/// Keep the server and the identity that flags or the environment name, under a name. The first one kept is in use.
///
/// Files stay where they are; a token from the environment is written to a file beside the contexts.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Its name: 1 to 64 letters, digits, _ and -
    name: String,
    /// Also where a context of this name is there, which is replaced
    #[arg(long)]
    replace: bool,
    /// Address of the server's KMIP, HOST:PORT, which `bench` talks to; the default is KEYREEVE_KMIP_ADDR
    #[arg(long, value_name = "ADDRESS")]
    kmip_addr: Option<String>,
}

impl Add {
    /// Writes it down.
    ///
    /// # Errors
    /// `Usage` where nothing names a server; `State` where the name is taken; a file cannot be written.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(fits) {
            return Err(Failure::usage("a context's name has 1 to 64 letters, digits, _ and -"));
        }
        let mut contexts = contexts()?;
        if contexts.contexts.contains_key(&self.name) && !self.replace {
            let text = format!("there is a context {} already; add --replace to replace it", self.name);
            return Err(Failure::new(Kind::State, text));
        }
        let server = session.server()?;
        let kmip = self.kmip_addr.or_else(|| server.kmip.clone());
        kmip.as_deref().map(Address::parse_kmip).transpose()?;
        let mut known = known(&contexts, &self.name, &server, session.connection.token_file())?;
        known.kmip_addr = kmip;
        contexts.contexts.insert(self.name.clone(), known);
        contexts.current.get_or_insert(self.name);
        contexts.save()
    }
}

fn known(contexts: &Contexts, name: &str, server: &Server, token_file: Option<&Path>) -> Result<Known> {
    let identity = &server.identity;
    let token_file = match (token_file, &identity.token) {
        (Some(file), _) => Some(file.to_owned()),
        (None, Some(token)) => {
            let path = contexts.token_path(name)?;
            make_folder(&path)?;
            output::write_file(&path, format!("{}\n", token.as_str()).as_bytes(), Audience::Owner)?;
            Some(path)
        }
        (None, None) => None,
    };
    let client = identity.client.as_ref();
    Ok(Known {
        addr: Some(server.address.to_string()),
        ca: server.ca.as_deref().map(absolute).transpose()?,
        token_file: token_file.as_deref().map(absolute).transpose()?,
        client_cert: client.map(|files| absolute(&files.certificate)).transpose()?,
        client_key: client.map(|files| absolute(&files.key)).transpose()?,
        kmip_addr: None,
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|cause| Failure::file("name", path, cause))
}
