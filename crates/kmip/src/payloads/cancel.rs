//! Cancel: takes an asynchronous request back.

use crate::enums::CancellationResult;
use crate::schema::structure;

structure! {
    /// The request of Cancel.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.5; KMIP 1.4, section 4.27.
    CancelRequest {
        /// The request that is taken back.
        asynchronous_correlation_value: Vec<u8> = ASYNCHRONOUS_CORRELATION_VALUE, V1_0..;
    }
}

structure! {
    /// The response of Cancel.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.5; KMIP 1.4, section 4.27.
    CancelResponse {
        /// The request.
        asynchronous_correlation_value: Vec<u8> = ASYNCHRONOUS_CORRELATION_VALUE, V1_0..;
        /// How that went.
        cancellation_result: CancellationResult = CANCELLATION_RESULT, V1_0..;
    }
}
