//! What can go wrong in this crate. Not here: how a front-end words it.

/// Why a certificate, a request or a key was refused; holds no secrets.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Bytes that are not what they should be.
    #[error("not a valid {what}: {detail}")]
    Malformed {
        /// What was expected, such as "certificate request".
        what: &'static str,
        /// What was found instead.
        detail: String,
    },
    /// A public key that the authority does not certify.
    #[error("{0}: use RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519")]
    UnsupportedKey(String),
    /// A request whose signature was not made by the key in it.
    #[error("the request's signature does not match its own public key: make the request anew")]
    RequestSignature,
    /// A name that cannot stand in a certificate.
    #[error("the name {name:?} cannot stand in a certificate: {reason}")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that a request asks for, or a key or a name brings, and no certificate is given for.
    #[error("{0}")]
    NotCertified(String),
    /// An issuer that cannot issue, or not this.
    #[error("the issuer's certificate {0}")]
    Issuer(String),
    /// The key behind the crypto port failed.
    #[error("{0}")]
    Key(#[from] keyreeve_core::Error),
    /// A PKCS#12 file under another password, or damaged.
    #[error("the password does not open the PKCS#12 file")]
    Pkcs12Password,
    /// A PKCS#12 file that is protected in a way that is not read.
    #[error("the PKCS#12 file is {0}: export it with PBES2, AES-256-CBC and a password")]
    Pkcs12Scheme(&'static str),
    /// A certificate and a private key that do not belong together.
    #[error("the private key does not belong to this certificate")]
    KeyMismatch,
    /// A validity that ends before it begins or lies outside what X.509 can say.
    #[error("the validity of {days} days from Unix second {from_seconds} lies outside the authority's own")]
    Validity {
        /// Begin in Unix seconds.
        from_seconds: u64,
        /// Length in days.
        days: u32,
    },
    /// An empty PKCS#12 password.
    #[error("a PKCS#12 file needs a password: give one that is not empty")]
    EmptyPassword,
    /// The cryptographic library failed, which it does only without memory or entropy.
    #[error("the cryptographic library failed while {0}")]
    Crypto(&'static str),
}

impl PkiError {
    pub(crate) fn malformed(what: &'static str, detail: impl ToString) -> Self {
        Self::Malformed { what, detail: detail.to_string() }
    }
}
