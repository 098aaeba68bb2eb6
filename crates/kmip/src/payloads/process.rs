//! Process: wants an asynchronous request done before it is polled for.

use crate::schema::structure;

structure! {
    /// The request of Process.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.39.
    ProcessRequest {
        /// The request that is to be done.
        asynchronous_correlation_value: Vec<u8> = ASYNCHRONOUS_CORRELATION_VALUE, V2_1..;
    }
}

structure! {
    /// The response of Process.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.39.
    #[derive(Default)]
    ProcessResponse {}
}
