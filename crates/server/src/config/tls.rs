//! The section `tls`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How the server shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// DNS names and addresses in a certificate of the server's own CA.
    pub names: Vec<String>,
    /// Another CA's certificate, and those between it and its authority, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The private key of `certificate_file`, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

impl Default for Tls {
    fn default() -> Self {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        Self { names, certificate_file: None, key_file: None }
    }
}
