//! Ping: asks whether the server is there.

use crate::schema::structure;

structure! {
    /// The request of Ping.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.36.
    #[derive(Default)]
    PingRequest {}
}

structure! {
    /// The response of Ping.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.36.
    #[derive(Default)]
    PingResponse {}
}
