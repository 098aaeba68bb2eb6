//! PKCS#11: calls a function of PKCS #11.

use crate::enums::{Pkcs11Function, Pkcs11ReturnCode};
use crate::schema::structure;

structure! {
    /// The request of PKCS#11.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.37.
    Pkcs11Request {
        /// Name of the interface; that of version 3.0 when absent.
        interface: Option<String> = PKCS11_INTERFACE, V2_0..;
        /// The function.
        function: Pkcs11Function = PKCS11_FUNCTION, V2_0..;
        /// As the latest response gave it.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V2_0..;
        /// Its parameters, encoded.
        input_parameters: Option<Vec<u8>> = PKCS11_INPUT_PARAMETERS, V2_0..;
    }
}

structure! {
    /// The response of PKCS#11.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.37.
    Pkcs11Response {
        /// Name of the interface.
        interface: Option<String> = PKCS11_INTERFACE, V2_0..;
        /// The function.
        function: Pkcs11Function = PKCS11_FUNCTION, V2_0..;
        /// To be given with the next request.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V2_0..;
        /// What it gives back, encoded.
        output_parameters: Option<Vec<u8>> = PKCS11_OUTPUT_PARAMETERS, V2_0..;
        /// How it ended.
        return_code: Pkcs11ReturnCode = PKCS11_RETURN_CODE, V2_0..;
    }
}
