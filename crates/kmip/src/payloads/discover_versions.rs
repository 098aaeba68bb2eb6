//! DiscoverVersions: agrees on a protocol version.

use crate::schema::{ProtocolVersion, structure};

structure! {
    /// The request of DiscoverVersions.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.16; KMIP 1.4, section 4.26.
    #[derive(Default)]
    DiscoverVersionsRequest {
        /// What the client speaks, preferred first; every version when empty.
        protocol_versions: Vec<ProtocolVersion> = PROTOCOL_VERSION, V1_1..;
    }
}

structure! {
    /// The response of DiscoverVersions.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.16; KMIP 1.4, section 4.26.
    #[derive(Default)]
    DiscoverVersionsResponse {
        /// What both speak, preferred first.
        protocol_versions: Vec<ProtocolVersion> = PROTOCOL_VERSION, V1_1..;
    }
}
