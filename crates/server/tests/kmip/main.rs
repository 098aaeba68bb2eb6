//! KMIP over a real server: TLS on a loopback socket, the embedded store in a temporary folder. Not here: unit tests
//! of its parts.

mod appliances;
mod approvals;
mod attestation;
mod authorization;
mod bad_input;
mod batches;
mod certify;
mod clock;
mod credentials;
mod data;
mod decisions;
mod endpoints;
mod field;
mod formats;
mod harness;
mod import;
mod kmip_protocol;
mod later;
mod life;
mod locate;
mod object_rules;
mod parts;
mod pipeline;
mod pkcs11;
mod pkcs12;
mod published;
mod reasons;
mod reprovision;
mod rotation;
mod split;
mod templates;
mod to_the_letter;
mod usage;
mod wrapping;
