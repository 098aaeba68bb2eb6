//! QueryAsynchronousRequests: which asynchronous requests were not answered yet.

use crate::enums::{Operation, ProcessingStage};
use crate::schema::structure;
use crate::values::DateTimeExtended;

structure! {
    /// The request of QueryAsynchronousRequests.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.41.
    #[derive(Default)]
    QueryAsynchronousRequestsRequest {
        /// Only these; all when absent.
        asynchronous_correlation_values: Option<AsynchronousCorrelationValues> = ASYNCHRONOUS_CORRELATION_VALUES, V2_1..;
        /// Only those of these operations; all when absent.
        operations: Option<Operations> = OPERATIONS, V2_1..;
    }
}

structure! {
    /// Names of asynchronous requests.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.1.
    #[derive(Clone, Debug, Default, PartialEq)]
    AsynchronousCorrelationValues {
        /// The names.
        values: Vec<Vec<u8>> = ASYNCHRONOUS_CORRELATION_VALUE, V2_1..;
    }
}

structure! {
    /// A list of operations.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.25.
    #[derive(Clone, Debug, Default, PartialEq)]
    Operations {
        /// The operations.
        operations: Vec<Operation> = OPERATION, V2_0..;
    }
}

structure! {
    /// An asynchronous request that was not answered yet.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.2.
    #[derive(Clone, Debug, PartialEq)]
    AsynchronousRequest {
        /// Its name.
        asynchronous_correlation_value: Vec<u8> = ASYNCHRONOUS_CORRELATION_VALUE, V2_1..;
        /// What was asked.
        operation: Operation = OPERATION, V2_1..;
        /// When.
        submission_date: DateTimeExtended = SUBMISSION_DATE, V2_1..;
        /// How far it is.
        processing_stage: ProcessingStage = PROCESSING_STAGE, V2_1..;
    }
}

structure! {
    /// The response of QueryAsynchronousRequests.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.41.
    #[derive(Default)]
    QueryAsynchronousRequestsResponse {
        /// The requests.
        asynchronous_requests: Vec<AsynchronousRequest> = ASYNCHRONOUS_REQUEST, V2_1..;
    }
}
