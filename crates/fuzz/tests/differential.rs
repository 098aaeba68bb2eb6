//! Valid requests of KMIP with one bit changed: each is answered in a form that can be read, a failure says why, and where
//! nothing succeeded nothing has changed. One bit of every byte is tried, of every third in XML and JSON;
//! `KEYREEVE_LONG=1` tries all.
//! Not here: that no input panics (mutations), and what becomes of the connection (the server's own tests).

use keyreeve_fuzz::house::House;
use keyreeve_fuzz::{corpus, targets};
use keyreeve_kmip::enums::{ResultReason, ResultStatus};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseMessage};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::values::UniqueIdentifier;
use keyreeve_kmip::{Encoding, Limits, Version};

/// All that a house holds, as its administrator sees it over REST and over KMIP.
fn holdings(house: &House) -> (Vec<u8>, Vec<UniqueIdentifier>) {
    let locate = RequestItem::new(LocateRequest::default().into());
    let locate = RequestMessage::new(Version::V2_1, vec![locate]).encode().expect("encodes");
    let mut located = answer(house, Encoding::Ttlv, locate.expose(), "locating all");
    // Who replaced the certificate that all this is asked by is nobody here any more.
    let found = match located.items.remove(0).payload {
        Some(Response::Locate(found)) => found.unique_identifiers,
        _ => Vec::new(),
    };
    let listed = ["/v1/keys", "/v1/objects", "/v1/aliases", "/v1/erasures"].map(|path| {
        let answer = house.rest("GET", &format!("{path}?limit=1000"), None, b"").expect("a request");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.body
    });
    (listed.concat(), found)
}

/// A house and what it held when it was new.
struct Asked {
    house: House,
    holds: (Vec<u8>, Vec<UniqueIdentifier>),
}

impl Asked {
    fn new() -> Self {
        let house = targets::furnished();
        let holds = holdings(&house);
        assert!(!holds.1.is_empty(), "nothing is located");
        Self { house, holds }
    }

    /// Whether the house still holds what it held.
    fn is_unchanged(&self) -> bool {
        holdings(&self.house) == self.holds
    }
}

fn answer(house: &House, encoding: Encoding, request: &[u8], what: &str) -> ResponseMessage {
    let answer = house.kmip(encoding, request);
    ResponseMessage::decode_from(encoding, &answer, &Limits::default())
        .unwrap_or_else(|error| panic!("{what}: the answer cannot be read: {error}"))
}

fn each_bit(name: &str, encoding: Encoding) {
    let (step, bits) = match encoding {
        _ if std::env::var_os("KEYREEVE_LONG").is_some() => (1, 8),
        Encoding::Ttlv => (1, 1),
        Encoding::Xml | Encoding::Json => (3, 1),
    };
    let inputs = corpus::inputs("kmip");
    let (_, request) = inputs.iter().find(|(of, _)| of == name).expect("an input");
    let mut asked = Asked::new();
    let (mut failed, mut done) = (0, 0);
    for position in (0..request.len()).step_by(step) {
        for bit in 0..bits {
            let bit = (position / step + bit) % 8;
            let what = format!("{name}, bit {bit} of byte {position}");
            let mut mutant = request.clone();
            mutant[position] ^= 1 << bit;
            let told = answer(&asked.house, encoding, &mutant, &what).items;
            let succeeded = |status| matches!(status, ResultStatus::Success | ResultStatus::OperationPending);
            let says_why = told.iter().filter(|item| !succeeded(item.result_status)).all(|item| {
                item.result_reason.is_some()
                    && item.result_message.as_ref().is_some_and(|text| !text.is_empty())
            });
            assert!(says_why, "{what}: a failure does not say why");
            if told.iter().any(|item| succeeded(item.result_status)) {
                done += 1;
                if !asked.is_unchanged() {
                    asked = Asked::new();
                }
            } else {
                failed += 1;
                assert!(asked.is_unchanged(), "{what}: it failed, and something is another");
            }
        }
    }
    assert!(
        failed > 0 && failed + done == request.len().div_ceil(step) * bits,
        "{failed} failed, {done} were done"
    );
    let whole = answer(&asked.house, encoding, request, name);
    // Of tickets and PKCS#11's clients one principal has only so many.
    let refused = whole.items.iter().find(|item| {
        item.result_status != ResultStatus::Success
            && item.result_reason != Some(ResultReason::ServerLimitExceeded)
    });
    assert!(refused.is_none(), "the house does not serve any more: {:?}", refused.unwrap().result_message);
}

macro_rules! requests {
    ($($test:ident $name:literal $encoding:ident,)*) => {
        $(#[test]
        fn $test() {
            each_bit($name, Encoding::$encoding);
        })*
    };
}

requests! {
    create "create" Ttlv,
    create_and_get "create-and-get" Ttlv,
    encrypt "encrypt" Ttlv,
    hash "hash" Ttlv,
    locate "locate" Ttlv,
    register "register" Ttlv,
    rekey "rekey" Ttlv,
    sign "sign" Ttlv,
    import "import" Ttlv,
    certify "certify" Ttlv,
    validate "validate" Ttlv,
    login "login" Ttlv,
    delegated_login "delegated-login" Ttlv,
    set_defaults "set-defaults" Ttlv,
    set_constraints "set-constraints" Ttlv,
    pkcs11 "pkcs11" Ttlv,
    set_endpoint_role "set-endpoint-role" Ttlv,
    reprovision "reprovision" Ttlv,
    create_and_get_in_xml "kmip_xml" Xml,
    create_and_get_in_json "kmip_json" Json,
}
