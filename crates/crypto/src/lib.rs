//! Software algorithms behind core's crypto port. Knows nothing of storage or protocols.
