//! Certificates: the house's one authority for its listeners, authorities whose key lies behind the crypto port, requests,
//! reading and validating certificates, PEM and PKCS#12.
//!
//! Not here: sockets, files, clocks and storage. Times are passed in as Unix seconds, private keys are handed
//! out in types that erase themselves, and whoever calls seals and keeps them.

mod appliance;
mod authority;
mod certificate;
mod chain;
mod error;
pub mod fuzzing;
mod issuer;
mod key;
mod name;
pub mod pem;
mod pkcs12;
mod pkcs12_reader;
mod request;
mod subject;

pub use appliance::{verify_signature, weaknesses};
pub use authority::{CertificateAuthority, ClientSubject, Issued, SERVER_VALIDITY_DAYS, Validity};
pub use certificate::{CertificateInfo, Serial, principal_urn};
pub use chain::{ChainValidity, validate_chain};
pub use error::PkiError;
pub use issuer::{Contents, Issuer, Wanted, subject_key, wanted_of};
pub use key::PrivateKey;
pub use name::{alternative_names, distinguished_name};
pub use pkcs12::pkcs12_bundle;
pub use pkcs12_reader::{Pkcs12, Pkcs12Certificate, Pkcs12Key, open_pkcs12};
pub use request::CertificateRequest;
pub use subject::{SubjectName, subject_names};

#[cfg(test)]
mod tests;
