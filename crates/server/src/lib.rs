//! Listeners, TLS, authentication, front-ends, configuration and wiring.

pub mod listen;
