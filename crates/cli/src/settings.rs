//! Where the server is and who asks: flag, then environment, then the context in use, then the client's configuration
//! file. Not here: contexts (contexts), and the configuration of a server.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Uri;
use keyreeve_server::config::wrong_toml;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::contexts::Contexts;
use crate::errors::{Failure, Kind, Result};

const NO_ADDRESS: &str = "no server is named: give --addr, or set KEYREEVE_ADDR (`. DIR/env` does, where DIR is the folder \
                          of `keyreeve dev`), or write addr into the client's configuration";

/// The flags that every command about a server takes.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Server and identity")]
pub(crate) struct Connection {
    /// Address of the server, such as https://127.0.0.1:8443 [env: KEYREEVE_ADDR]
    #[arg(long, global = true, value_name = "URL")]
    addr: Option<String>,
    /// PEM file of the CA that issued the server's certificate; no other CA is trusted [env: KEYREEVE_CA]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// File with a bearer token [env: KEYREEVE_TOKEN holds the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of a client certificate [env: KEYREEVE_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// PEM file of the client certificate's private key [env: KEYREEVE_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Server and identity that `context add` keeps under this name, in place of the environment's; stands before the
    /// command [env: KEYREEVE_CONTEXT]
    // No global flag: `encrypt` and others have an encryption context.
    #[arg(id = "server_context", long = "context", value_name = "NAME")]
    context: Option<String>,
}

/// A server and an identity: the client's configuration file, or a context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Known {
    /// Address of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addr: Option<String>,
    /// PEM file of its CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// File with a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file of a client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    /// PEM file of its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
    /// Address of its KMIP, `HOST:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kmip_addr: Option<String>,
}

/// Certificate and private key of a client, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientFiles {
    /// The certificate.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// How the caller proves who it is; both may be given and must then name the same principal. Holds a secret.
#[derive(Default)]
pub(crate) struct Identity {
    /// Bearer token.
    pub(crate) token: Option<Zeroizing<String>>,
    /// Client certificate.
    pub(crate) client: Option<ClientFiles>,
}

/// A server and how to talk to it.
pub(crate) struct Server {
    /// Its address.
    pub(crate) address: Address,
    /// Address of its KMIP, where that is named.
    pub(crate) kmip: Option<String>,
    /// The CA file; none only without TLS.
    pub(crate) ca: Option<PathBuf>,
    /// Who asks.
    pub(crate) identity: Identity,
}

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// With TLS; without only on this machine.
    pub(crate) tls: bool,
    /// Host name or IP address, without brackets.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
}

impl Connection {
    /// The server that flags, environment, the context in use and the file name, in this order. A context that a flag
    /// names goes before the environment.
    ///
    /// # Errors
    /// `Usage`: nothing names the server, its CA or an identity, or a value cannot be read.
    pub(crate) fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Server> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        match self.known(&variable)? {
            (known, true) => self.resolve_beside(&variable, &known),
            (known, false) => self.resolve_beside(&|_: &str| None, &known),
        }
    }

    /// The context or the file that counts, and whether the environment goes before it.
    fn known(&self, variable: &impl Fn(&str) -> Option<String>) -> Result<(Known, bool)> {
        if let Some(name) = &self.context {
            return Ok((Contexts::load(variable)?.named(name)?, false));
        }
        // Who names a server elsewhere does not mean the context, whose token is for another.
        let is_named = self.addr.is_some() || variable("KEYREEVE_ADDR").is_some();
        let context =
            if is_named { None } else { Contexts::load(variable)?.in_use(variable("KEYREEVE_CONTEXT"))? };
        Ok((context.map_or_else(|| Known::load(variable), Ok)?, true))
    }

    /// The same, without anything that proves who asks: a token that is kept may have expired.
    ///
    /// # Errors
    /// As `resolve`.
    pub(crate) fn resolve_for_strangers(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Server> {
        let (known, reads_environment) =
            self.known(&|name: &str| variable(name).filter(|value| !value.is_empty()))?;
        let known = Known { token_file: None, client_cert: None, client_key: None, ..known };
        let named = ["KEYREEVE_ADDR", "KEYREEVE_CA", "KEYREEVE_KMIP_ADDR"];
        let bare = Self { addr: self.addr.clone(), ca: self.ca.clone(), ..Self::default() };
        let variable = |name: &str| {
            variable(name).filter(|value| reads_environment && named.contains(&name) && !value.is_empty())
        };
        bare.resolve_beside(&variable, &known)
    }

    /// The context in use by its name, with all of them; none where flags or the environment name a server.
    ///
    /// # Errors
    /// The file of contexts cannot be read.
    pub(crate) fn context(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Contexts, String)>> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_named = self.addr.is_some() || variable("KEYREEVE_ADDR").is_some();
        let contexts = Contexts::load(&variable)?;
        let name = match &self.context {
            Some(name) => Some(name.clone()),
            None if is_named => None,
            None => variable("KEYREEVE_CONTEXT").or_else(|| contexts.current.clone()),
        };
        Ok(name.map(|name| (contexts, name)))
    }

    /// The file that a flag says the token is in.
    pub(crate) fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    fn resolve_beside(&self, variable: &impl Fn(&str) -> Option<String>, file: &Known) -> Result<Server> {
        let address = self.addr.clone().or_else(|| variable("KEYREEVE_ADDR")).or_else(|| file.addr.clone());
        let address = Address::parse(&address.ok_or_else(|| Failure::usage(NO_ADDRESS))?)?;
        let ca = self
            .ca
            .clone()
            .or_else(|| variable("KEYREEVE_CA").map(PathBuf::from))
            .or_else(|| file.ca.clone());
        if address.tls && ca.is_none() {
            let text = "no CA is named to check the server by: give --ca FILE or set KEYREEVE_CA";
            return Err(Failure::usage(text));
        }
        let kmip = variable("KEYREEVE_KMIP_ADDR").or_else(|| file.kmip_addr.clone());
        let identity = self.identity(variable, file)?;
        Ok(Server { address, kmip, ca, identity })
    }

    /// A flag replaces what the environment says, and the environment what the file says, as a whole: a certificate
    /// from a flag never travels with somebody's token from the environment.
    fn identity(&self, variable: &impl Fn(&str) -> Option<String>, file: &Known) -> Result<Identity> {
        let from_flags = Identity {
            token: self.token_file.as_deref().map(read_token).transpose()?,
            client: pair(
                self.client_cert.clone(),
                self.client_key.clone(),
                "--client-cert and --client-key",
            )?,
        };
        if from_flags.is_some() {
            return Ok(from_flags);
        }
        let from_environment = Identity {
            token: variable("KEYREEVE_TOKEN").map(|token| Zeroizing::new(token.trim().to_owned())),
            client: pair(
                variable("KEYREEVE_CLIENT_CERT").map(PathBuf::from),
                variable("KEYREEVE_CLIENT_KEY").map(PathBuf::from),
                "KEYREEVE_CLIENT_CERT and KEYREEVE_CLIENT_KEY",
            )?,
        };
        if from_environment.is_some() {
            return Ok(from_environment);
        }
        Ok(Identity {
            token: file.token_file.as_deref().map(read_token).transpose()?,
            client: pair(file.client_cert.clone(), file.client_key.clone(), "client_cert and client_key")?,
        })
    }
}

impl Identity {
    fn is_some(&self) -> bool {
        self.token.is_some() || self.client.is_some()
    }

    /// Token and certificate at once.
    pub(crate) fn is_double(&self) -> bool {
        self.token.is_some() && self.client.is_some()
    }
}

impl Known {
    /// The file named by KEYREEVE_CONFIG, which must be there, or the one at the usual place, which may.
    fn load(variable: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let named = variable("KEYREEVE_CONFIG").map(PathBuf::from);
        let usual =
            || config_folder(variable).map(|folder| folder.join("client.toml")).filter(|path| path.exists());
        let Some(path) = named.or_else(usual) else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(&path).map_err(|cause| Failure::file("read", &path, cause))?;
        toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{}: {}", path.display(), wrong_toml(&text, &error))))
    }
}

/// The folder of this user's settings, where the environment tells.
pub(crate) fn config_folder(variable: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
    folder.map(|folder| folder.join("keyreeve"))
}

impl Address {
    /// Reads the `HOST:PORT` of KMIP, which is always over TLS.
    ///
    /// # Errors
    /// `Usage`, saying what is wrong with it.
    pub(crate) fn parse_kmip(text: &str) -> Result<Self> {
        let wrong = || Failure::usage(format!("{text:?} is no address of KMIP: write HOST:PORT"));
        let address = Self::parse(&format!("https://{text}")).map_err(|_| wrong())?;
        // The port of HTTPS is not KMIP's.
        if text.ends_with(&format!(":{}", address.port)) { Ok(address) } else { Err(wrong()) }
    }

    /// Reads `https://HOST:PORT`; `http://` only for this machine, since a token would be readable on the way.
    ///
    /// # Errors
    /// `Usage`, saying what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Failure::usage(format!("{text:?} is no address of a server: {why}; write https://HOST:PORT"))
        };
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong("it is no URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(wrong("only https and http are known")),
            None => return Err(wrong("it has no scheme")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("there must be no path after the port"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let loopback =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !tls && !loopback {
            return Err(wrong("without TLS only this machine can be reached"));
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port })
    }

    /// Host and port as in the Host header.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

fn pair(certificate: Option<PathBuf>, key: Option<PathBuf>, names: &str) -> Result<Option<ClientFiles>> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(ClientFiles { certificate, key })),
        _ => Err(Failure::usage(format!("{names} go together: one of them is missing"))),
    }
}

fn read_token(path: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|cause| Failure::file("read", path, cause))?;
    let token = Zeroizing::new(text.trim().to_owned());
    if token.is_empty() {
        return Err(Failure::new(Kind::Usage, format!("{} holds no token: it is empty", path.display())));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(connection: &Connection, variables: &[(&str, &str)]) -> Result<Server> {
        connection.resolve(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn addresses_are_read_and_refused() {
        let address = Address::parse("https://127.0.0.1:8443/").unwrap();
        assert_eq!(address, Address { tls: true, host: "127.0.0.1".into(), port: 8443 });
        assert_eq!(Address::parse("https://[::1]:1").unwrap().authority(), "[::1]:1");
        assert_eq!(Address::parse("https://keys.example.org").unwrap().port, 443);
        assert!(Address::parse("http://localhost:80").is_ok());
        for wrong in
            ["", "here", "127.0.0.1:8443", "ftp://a", "https://a/v1", "http://10.0.0.1:80", "https://:1"]
        {
            assert_eq!(Address::parse(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn flag_goes_before_environment_before_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.toml");
        std::fs::write(&file, "addr = \"https://file:1\"\nca = \"file.pem\"\n").unwrap();
        let file = file.to_str().unwrap();
        let server = resolve(&Connection::default(), &[("KEYREEVE_CONFIG", file)]).unwrap();
        assert_eq!(
            (server.address.host.as_str(), server.ca.unwrap().to_str().unwrap()),
            ("file", "file.pem")
        );
        let variables = [("KEYREEVE_CONFIG", file), ("KEYREEVE_ADDR", "https://environment:1")];
        assert_eq!(resolve(&Connection::default(), &variables).unwrap().address.host, "environment");
        let flags = Connection { addr: Some("https://flag:1".into()), ..Connection::default() };
        assert_eq!(resolve(&flags, &variables).unwrap().address.host, "flag");
    }

    #[test]
    fn an_identity_comes_from_one_place() {
        let variables =
            [("KEYREEVE_ADDR", "https://a:1"), ("KEYREEVE_CA", "ca.pem"), ("KEYREEVE_TOKEN", "kr_1")];
        let certificate = Connection {
            client_cert: Some("bob.pem".into()),
            client_key: Some("bob.key".into()),
            ..Connection::default()
        };
        let server = resolve(&certificate, &variables).unwrap();
        assert!(server.identity.token.is_none() && server.identity.client.is_some());
        let server = resolve(&Connection::default(), &variables).unwrap();
        assert!(server.identity.token.is_some_and(|token| token.as_str() == "kr_1"));
    }

    #[test]
    fn what_is_missing_is_said() {
        let wrong = |variables: &[(&str, &str)]| {
            resolve(&Connection::default(), variables)
                .err()
                .map(|failure| (failure.kind(), failure.to_string()))
        };
        let (kind, text) = wrong(&[]).unwrap();
        assert!(kind == Kind::Usage && text.contains("KEYREEVE_ADDR"));
        let (_, text) = wrong(&[("KEYREEVE_ADDR", "https://a:1")]).unwrap();
        assert!(text.contains("KEYREEVE_CA"));
        let half = [("KEYREEVE_ADDR", "http://[::1]:1"), ("KEYREEVE_CLIENT_CERT", "a.pem")];
        assert!(wrong(&half).unwrap().1.contains("KEYREEVE_CLIENT_KEY"));
    }
}
