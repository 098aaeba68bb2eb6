//! Put: a server gives a client an object that it did not ask for.

use crate::attributes::Attributes;
use crate::enums::PutFunction;
use crate::objects::ManagedObject;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Put, which only servers send. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.2.3; KMIP 1.4, section 5.2.
    PutRequest {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Whether it replaces another.
        put_function: PutFunction = PUT_FUNCTION, V1_0..;
        /// The object that it replaces; required where it does.
        replaced_unique_identifier: Option<UniqueIdentifier> = REPLACED_UNIQUE_IDENTIFIER, V1_0..;
        /// The object. Holds a secret.
        object: ManagedObject = OBJECT, V1_0..;
        /// What is told of it along.
        attributes: Option<Attributes> = ATTRIBUTE, V1_0..;
    }
}

structure! {
    /// The response of Put.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.2.3; KMIP 1.4, section 5.2.
    #[derive(Default)]
    PutResponse {}
}
