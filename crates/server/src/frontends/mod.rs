//! Front-ends: bytes of a protocol to core's operations and back. One folder a protocol. Not here: sockets (listen),
//! who asks (authn), and anything that decides.

mod echo;
pub mod encryption_context;
pub mod kmip;
pub mod rest;
mod secret_buffer;
