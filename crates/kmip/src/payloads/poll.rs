//! Poll: asks for the answer to an asynchronous request. What is answered is the answer of that request, under its own
//! operation: the response payload here is what a server answers that has nothing else to say.

use crate::schema::structure;

structure! {
    /// The request of Poll.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.38; KMIP 1.4, section 4.28.
    PollRequest {
        /// The request that is asked about.
        asynchronous_correlation_value: Vec<u8> = ASYNCHRONOUS_CORRELATION_VALUE, V1_0..;
    }
}

structure! {
    /// The response of Poll.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.38; KMIP 1.4, section 4.28.
    #[derive(Default)]
    PollResponse {}
}
