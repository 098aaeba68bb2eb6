//! What a batch item asks and answers, one file an operation. An operation that has no file here is carried as a
//! tree, so that the server can refuse it by name without failing the message.

pub mod activate;
pub mod add_attribute;
pub mod adjust_attribute;
pub mod archive;
pub mod cancel;
pub mod certify;
pub mod check;
pub mod create;
pub mod create_key_pair;
pub mod create_split_key;
pub mod decrypt;
pub mod delegated_login;
pub mod delete_attribute;
pub mod derive_key;
pub mod destroy;
pub mod discover_versions;
pub mod encrypt;
pub mod export;
pub mod get;
pub mod get_attribute_list;
pub mod get_attributes;
pub mod get_constraints;
pub mod get_usage_allocation;
pub mod hash;
pub mod import;
pub mod interop;
pub mod join_split_key;
pub mod locate;
pub mod log;
pub mod login;
pub mod logout;
pub mod mac;
pub mod mac_verify;
pub mod modify_attribute;
pub mod notify;
pub mod obtain_lease;
pub mod ping;
pub mod pkcs11;
pub mod poll;
pub mod process;
pub mod put;
pub mod query;
pub mod query_asynchronous_requests;
pub mod recertify;
pub mod recover;
pub mod register;
pub mod rekey;
pub mod rekey_key_pair;
pub mod reprovision;
pub mod revoke;
pub mod rng_retrieve;
pub mod rng_seed;
pub mod set_attribute;
pub mod set_constraints;
pub mod set_defaults;
pub mod set_endpoint_role;
pub mod sign;
pub mod signature_verify;
pub mod storage;
pub mod validate;

use crate::enums::Operation;
use crate::error::{DecodeError, EncodeError};
use crate::schema::{Version, Wire};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::{self, Limits, Writer};

/// One line an operation: `Operation(request, response) in module;`.
macro_rules! operations {
    ($($operation:ident($request:ident, $response:ident) in $module:ident;)*) => {
        /// The payload of a request. May hold secrets.
        pub enum Request {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $operation($module::$request),
            )*
            /// An operation without a type here.
            Unknown {
                /// The operation.
                operation: Operation,
                /// Its payload as it came. May hold a secret: [`Value::scrub`] wipes it.
                payload: Value,
            },
        }

        /// The payload of a response. May hold secrets.
        // The answer to Query is the large one; boxing it alone would make it the odd one out for every caller.
        #[allow(clippy::large_enum_variant)]
        pub enum Response {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $operation($module::$response),
            )*
            /// An operation without a type here.
            Unknown {
                /// The operation.
                operation: Operation,
                /// Its payload as it came. May hold a secret: [`Value::scrub`] wipes it.
                payload: Value,
            },
        }

        /// The operations that have a type here.
        pub const OPERATIONS: &[Operation] = &[$(Operation::$operation,)*];

        payloads!(Request: $($operation($request) in $module;)*);
        payloads!(Response: $($operation($response) in $module;)*);
    };
}

impl Request {
    /// A second copy. It holds the same secrets.
    ///
    /// # Errors
    ///
    /// When this is longer than TTLV can say.
    pub fn copied(&self, version: Version) -> Result<Self, EncodeError> {
        let mut writer = Writer::new(version);
        self.write(&mut writer, Tag::REQUEST_PAYLOAD);
        let bytes = writer.finish()?;
        // INVARIANT: what the writer wrote is a well-formed item, and it came within the limits of its message.
        let limits = Limits { message_bytes_max: usize::MAX, depth_max: usize::MAX, items_max: usize::MAX };
        let mut node = binary::decode(bytes.expose(), &limits).map_err(|_| EncodeError::TooLong)?;
        let copy = Self::read(self.operation(), &mut node.value, version);
        node.scrub();
        copy.map_err(|_| EncodeError::NotDecoded)
    }
}

macro_rules! payloads {
    ($kind:ident: $($operation:ident($type:ident) in $module:ident;)*) => {
        impl $kind {
            /// The operation that this is the payload of.
            pub fn operation(&self) -> Operation {
                match self {
                    $(Self::$operation(_) => Operation::$operation,)*
                    Self::Unknown { operation, .. } => *operation,
                }
            }

            pub(crate) fn read(
                operation: Operation,
                value: &mut Value,
                version: Version,
            ) -> Result<Self, DecodeError> {
                match operation {
                    $(Operation::$operation => $module::$type::read(value, version).map(Self::$operation),)*
                    operation => {
                        Value::read(value, version).map(|payload| Self::Unknown { operation, payload })
                    }
                }
            }

            pub(crate) fn write(&self, writer: &mut Writer, tag: Tag) {
                match self {
                    $(Self::$operation(payload) => payload.write(writer, tag),)*
                    Self::Unknown { payload, .. } => writer.value(tag, payload),
                }
            }

            /// One payload of every operation, every field set.
            #[cfg(test)]
            pub(crate) fn samples() -> Vec<Self> {
                vec![$(Self::$operation(crate::schema::Sample::sample()),)*]
            }
        }

        $(
            impl From<$module::$type> for $kind {
                fn from(payload: $module::$type) -> Self {
                    Self::$operation(payload)
                }
            }
        )*
    };
}

operations! {
    Create(CreateRequest, CreateResponse) in create;
    CreateKeyPair(CreateKeyPairRequest, CreateKeyPairResponse) in create_key_pair;
    Register(RegisterRequest, RegisterResponse) in register;
    ReKey(ReKeyRequest, ReKeyResponse) in rekey;
    ReKeyKeyPair(ReKeyKeyPairRequest, ReKeyKeyPairResponse) in rekey_key_pair;
    Certify(CertifyRequest, CertifyResponse) in certify;
    ReCertify(ReCertifyRequest, ReCertifyResponse) in recertify;
    ReProvision(ReProvisionRequest, ReProvisionResponse) in reprovision;
    Validate(ValidateRequest, ValidateResponse) in validate;
    DeriveKey(DeriveKeyRequest, DeriveKeyResponse) in derive_key;
    Locate(LocateRequest, LocateResponse) in locate;
    Check(CheckRequest, CheckResponse) in check;
    ObtainLease(ObtainLeaseRequest, ObtainLeaseResponse) in obtain_lease;
    GetUsageAllocation(GetUsageAllocationRequest, GetUsageAllocationResponse) in get_usage_allocation;
    Get(GetRequest, GetResponse) in get;
    Export(ExportRequest, ExportResponse) in export;
    Import(ImportRequest, ImportResponse) in import;
    GetAttributes(GetAttributesRequest, GetAttributesResponse) in get_attributes;
    GetAttributeList(GetAttributeListRequest, GetAttributeListResponse) in get_attribute_list;
    AddAttribute(AddAttributeRequest, AddAttributeResponse) in add_attribute;
    ModifyAttribute(ModifyAttributeRequest, ModifyAttributeResponse) in modify_attribute;
    SetAttribute(SetAttributeRequest, SetAttributeResponse) in set_attribute;
    DeleteAttribute(DeleteAttributeRequest, DeleteAttributeResponse) in delete_attribute;
    AdjustAttribute(AdjustAttributeRequest, AdjustAttributeResponse) in adjust_attribute;
    Activate(ActivateRequest, ActivateResponse) in activate;
    Revoke(RevokeRequest, RevokeResponse) in revoke;
    Destroy(DestroyRequest, DestroyResponse) in destroy;
    Archive(ArchiveRequest, ArchiveResponse) in archive;
    Recover(RecoverRequest, RecoverResponse) in recover;
    Cancel(CancelRequest, CancelResponse) in cancel;
    Poll(PollRequest, PollResponse) in poll;
    Process(ProcessRequest, ProcessResponse) in process;
    QueryAsynchronousRequests(QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse)
        in query_asynchronous_requests;
    DiscoverVersions(DiscoverVersionsRequest, DiscoverVersionsResponse) in discover_versions;
    Encrypt(EncryptRequest, EncryptResponse) in encrypt;
    Decrypt(DecryptRequest, DecryptResponse) in decrypt;
    Sign(SignRequest, SignResponse) in sign;
    SignatureVerify(SignatureVerifyRequest, SignatureVerifyResponse) in signature_verify;
    Mac(MacRequest, MacResponse) in mac;
    MacVerify(MacVerifyRequest, MacVerifyResponse) in mac_verify;
    Hash(HashRequest, HashResponse) in hash;
    CreateSplitKey(CreateSplitKeyRequest, CreateSplitKeyResponse) in create_split_key;
    JoinSplitKey(JoinSplitKeyRequest, JoinSplitKeyResponse) in join_split_key;
    RngRetrieve(RngRetrieveRequest, RngRetrieveResponse) in rng_retrieve;
    RngSeed(RngSeedRequest, RngSeedResponse) in rng_seed;
    Interop(InteropRequest, InteropResponse) in interop;
    Log(LogRequest, LogResponse) in log;
    Login(LoginRequest, LoginResponse) in login;
    DelegatedLogin(DelegatedLoginRequest, DelegatedLoginResponse) in delegated_login;
    Logout(LogoutRequest, LogoutResponse) in logout;
    Pkcs11(Pkcs11Request, Pkcs11Response) in pkcs11;
    SetDefaults(SetDefaultsRequest, SetDefaultsResponse) in set_defaults;
    SetConstraints(SetConstraintsRequest, SetConstraintsResponse) in set_constraints;
    GetConstraints(GetConstraintsRequest, GetConstraintsResponse) in get_constraints;
    Ping(PingRequest, PingResponse) in ping;
    Notify(NotifyRequest, NotifyResponse) in notify;
    Put(PutRequest, PutResponse) in put;
    SetEndpointRole(SetEndpointRoleRequest, SetEndpointRoleResponse) in set_endpoint_role;
    Query(QueryRequest, QueryResponse) in query;
}
