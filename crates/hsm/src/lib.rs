//! PKCS#11 and TPM tokens behind core's crypto port. Empty until the hardware issue: the only crate that may hold unsafe code.
