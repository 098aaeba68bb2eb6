//! The house's one certificate authority: issuing, requests, reading certificates, PEM and PKCS#12.
//!
//! Not here: sockets, files, clocks and storage. Times are passed in as Unix seconds, private keys are handed
//! out in types that erase themselves, and whoever calls seals and keeps them.

mod appliance;
mod authority;
mod certificate;
mod error;
mod key;
pub mod pem;
mod pkcs12;
mod request;

pub use appliance::{verify_signature, weaknesses};
pub use authority::{CertificateAuthority, ClientSubject, Issued, SERVER_VALIDITY_DAYS, Validity};
pub use certificate::{CertificateInfo, Serial, principal_urn};
pub use error::PkiError;
pub use key::PrivateKey;
pub use pkcs12::pkcs12_bundle;
pub use request::CertificateRequest;

#[cfg(test)]
mod tests;
