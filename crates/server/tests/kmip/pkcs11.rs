//! The operation PKCS#11.

use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{Pkcs11Function, Pkcs11ReturnCode, ResultReason};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::pkcs11::{Pkcs11Request, Pkcs11Response};

use crate::harness::{Client, Server};

fn call(function: Pkcs11Function, correlation_value: Option<&[u8]>) -> Pkcs11Request {
    let correlation_value = correlation_value.map(<[u8]>::to_vec);
    Pkcs11Request { interface: None, function, correlation_value, input_parameters: None }
}

fn answered(client: &mut Client, request: Pkcs11Request) -> Pkcs11Response {
    let Response::Pkcs11(answer) = client.done(Version::V2_1, request) else { panic!() };
    answer
}

#[test]
fn a_client_learns_what_this_is_between_initialize_and_finalize() {
    let server = Server::start();
    let mut client = server.connect();
    let mut code = |function, value| answered(&mut client, call(function, value)).return_code;
    use Pkcs11Function::{Finalize, GenerateKey, GetInfo, Initialize};
    use Pkcs11ReturnCode as Code;
    assert_eq!(code(GetInfo, None), Code::CryptokiNotInitialized);
    let begun = answered(&mut client, call(Initialize, None));
    let value = begun.correlation_value.unwrap();
    let information = answered(&mut client, call(GetInfo, Some(&value))).output_parameters.unwrap();
    assert_eq!(information.len(), 2 + 32 + 8 + 32 + 2);
    assert_eq!(&information[..34], b"\x02\x28Keyreeve                        ");
    let mut code = |function, value| answered(&mut client, call(function, value)).return_code;
    assert_eq!(code(Initialize, Some(&value)), Code::CryptokiAlreadyInitialized);
    assert_eq!(code(GenerateKey, Some(&value)), Code::FunctionNotSupported);
    assert_eq!(code(GetInfo, Some(&[0; 16])), Code::CryptokiNotInitialized);
    assert_eq!(code(Finalize, Some(&value)), Code::Ok);
    assert_eq!(code(Finalize, Some(&value)), Code::CryptokiNotInitialized);
}

#[test]
fn what_is_not_understood_is_refused_and_what_is_open_is_bounded() {
    let server = Server::start();
    let mut client = server.connect();
    let initialize = || call(Pkcs11Function::Initialize, None);
    let arguments = Pkcs11Request { input_parameters: Some(vec![1; 100]), ..initialize() };
    assert_eq!(answered(&mut client, arguments).return_code, Pkcs11ReturnCode::ArgumentsBad);
    let other = Pkcs11Request { interface: Some("Vendor".to_owned()), ..initialize() };
    assert_eq!(client.refused(Version::V2_1, other), ResultReason::Pkcs11InvalidInterface);
    let unknown = call(Pkcs11Function::from(1000), None);
    assert_eq!(client.refused(Version::V2_1, unknown), ResultReason::Pkcs11InvalidFunction);
    let open: Vec<_> = (0..16).map(|_| answered(&mut client, initialize()).correlation_value).collect();
    assert_eq!(client.refused(Version::V2_1, initialize()), ResultReason::ServerLimitExceeded);
    answered(&mut client, call(Pkcs11Function::Finalize, open[0].as_deref()));
    answered(&mut client, initialize());
}
