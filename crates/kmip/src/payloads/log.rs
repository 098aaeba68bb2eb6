//! Log: writes to the log of the server.

use crate::schema::structure;

structure! {
    /// The request of Log.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.29.
    LogRequest {
        /// What to write.
        log_message: String = LOG_MESSAGE, V2_0..;
    }
}

structure! {
    /// The response of Log.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.29.
    #[derive(Default)]
    LogResponse {}
}
