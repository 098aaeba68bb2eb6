//! Client certificates of organisations, made by the real openssl and shown by the real curl, openssl and PyKMIP. Not here: texts of
//! names (keyreeve-pki), and the walk-through (docs/client-certificates.md).

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bad_input::real_server_with;
use crate::clients::python;
use crate::floods::until;
use crate::server::{Folder, KEYREEVE, Server, folder};

/// Two organisations, each with a root and an authority below it, their lists, and certificates of clients.
const AUTHORITIES: &str = r#"
authority() {
  mkdir $1; cd $1; touch index; echo 01 > number
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Root" -keyout root.key -out root.pem
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=Issuing" -keyout ca.key -out ca.csr
  printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' > ca.ext
  openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -CAcreateserial -days 20 -extfile ca.ext -out ca.pem
  printf '[ca]\ndefault_ca=own\n[own]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n' > ca.conf
  cd ..
}
client() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout $1/$2.key -out $1/$2.csr
  printf "subjectAltName = $3\nextendedKeyUsage=clientAuth\n" > $1/names
  openssl x509 -req -in $1/$2.csr -CA $1/ca.pem -CAkey $1/ca.key -CAcreateserial -days 10 -extfile $1/names -out $1/$2.leaf
  cat $1/$2.leaf $1/ca.pem > $1/$2.pem
}
lists() {
  cd $1
  openssl ca -config ca.conf -gencrl $2 -keyfile root.key -cert root.pem -out root.crl
  openssl ca -config ca.conf -gencrl $2 -keyfile ca.key -cert ca.pem -out ca.crl
  cat root.crl ca.crl > crl.new; mv crl.new crl.pem
  cd ..
}
"#;

fn shell(place: &Path, commands: &str) {
    let script = format!("{AUTHORITIES}\n{commands}");
    let done = Command::new("sh").args(["-ec", &script]).current_dir(place).output().unwrap();
    assert!(done.status.success(), "{commands}: {}", String::from_utf8_lossy(&done.stderr));
}

fn pki() -> Folder {
    let place = folder();
    shell(
        place.path(),
        "authority corp; authority partner; lists corp '-crldays 5'; lists partner '-crldays 5'
         client corp billing URI:spiffe://example/billing
         client corp shop URI:spiffe://example/shop
         client corp several URI:spiffe://example/billing,URI:spiffe://example/other
         client corp nameless DNS:billing.example
         client partner billing URI:spiffe://example/billing",
    );
    place
}

fn table(pki: &Folder, name: &str) -> String {
    let file = |file: &str| pki.path().join(name).join(file);
    format!(
        "[[authn.certificates]]\nname = \"{name}\"\nca_file = {:?}\ncrl_file = {:?}\nnames = \"uri\"\n",
        file("root.pem"),
        file("crl.pem")
    )
}

/// What the server answers to curl with this certificate, or why there is no connection.
fn whoami(server: &Server, (place, pki): (&Folder, &Folder), who: &str) -> Result<Value, String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--cacert"]).arg(place.path().join("ca.pem"));
    command.arg("--cert").arg(pki.path().join(format!("{who}.pem")));
    command.arg("--key").arg(pki.path().join(format!("{who}.key")));
    let output = command.arg(format!("{}/v1/whoami", server.variable("KEYREEVE_ADDR"))).output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn certificates_of_an_organisation_prove_who_has_their_name_and_nobody_else() {
    let pki = pki();
    let (place, server) = real_server_with(&(table(&pki, "corp") + &table(&pki, "partner")));
    let both = (&place, &pki);
    let of_corp = ["--organisation", "corp", "--name", "spiffe://example/billing"];
    server.keyreeve(&[&["credential", "certificate", "billing", "--role", "user"], &of_corp[..]].concat());
    assert_eq!(whoami(&server, both, "corp/billing").unwrap()["name"], "billing");

    // The same name by another organisation, a name that nobody has, none, several, and the house's own way of naming.
    for stranger in ["partner/billing", "corp/shop"] {
        assert_eq!(whoami(&server, both, stranger).unwrap()["code"], "unauthenticated", "{stranger}");
    }
    for wrong in ["corp/several", "corp/nameless"] {
        assert!(whoami(&server, both, wrong).is_err(), "{wrong}");
    }
    let clients: Value = serde_json::from_slice(&server.keyreeve(&["client", "list", "-o", "json"])).unwrap();
    let clients =
        clients.as_array().cloned().unwrap_or_else(|| clients["clients"].as_array().unwrap().clone());
    let admin = clients.iter().find(|client| client["name"] == "admin").unwrap()["id"].as_str().unwrap();
    shell(pki.path(), &format!("client corp admin URI:urn:keyreeve:principal:{admin}"));
    assert_eq!(whoami(&server, both, "corp/admin").unwrap()["code"], "unauthenticated");
    let told = server.printed();
    for cause in ["2 names of the kind uri", "it has no uri"] {
        assert!(told.contains(cause), "{told}");
    }
    // One name is one client's.
    let output =
        server.command(KEYREEVE).args(["credential", "certificate", "admin"]).args(of_corp).output().unwrap();
    assert!(!output.status.success(), "a name of two clients");
    // By a certificate instead of its name.
    let shop = pki.path().join("corp/shop.pem");
    let flags =
        ["credential", "certificate", "shop", "--role", "user", "--organisation", "corp", "--certificate"];
    server.keyreeve(&[&flags[..], &[shop.to_str().unwrap()]].concat());
    assert_eq!(whoami(&server, both, "corp/shop").unwrap()["name"], "shop");
    assert_eq!(server.stop(), Some(0));
}

/// Speaks KMIP with a certificate, on one connection, each time it is told to; says what the server answers.
const KMIP: &str = r#"
import socket, ssl, sys
port, ca, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)
# Locate of nothing, KMIP 1.2: it needs a client that counts.
def field(tag, kind, value):
    pad = -len(value) % 8
    return bytes.fromhex(tag) + bytes([kind]) + len(value).to_bytes(4, "big") + value + bytes(pad)
number = lambda tag, value, kind=2: field(tag, kind, value.to_bytes(4, "big"))
version = field("420069", 1, number("42006a", 1) + number("42006b", 2))
header = field("420077", 1, version + number("42000d", 1))
item = field("42000f", 1, number("42005c", 8, 5) + field("420079", 1, b""))
message = field("420078", 1, header + item)
connection = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="127.0.0.1")
for line in sys.stdin:
    connection.sendall(message)
    answer = connection.recv(8)
    while len(answer) < 8 or len(answer) < 8 + int.from_bytes(answer[4:8], "big"):
        more = connection.recv(65536)
        if not more:
            sys.exit("closed")
        answer += more
    status = answer.index(bytes.fromhex("42007f05"))
    print(int.from_bytes(answer[status + 8:status + 12], "big"), flush=True)
"#;

#[test]
fn a_revoked_certificate_counts_no_more_on_connections_that_are_open_either() {
    let Some(python) = python() else { return };
    let pki = pki();
    let (place, server) = real_server_with(&table(&pki, "corp"));
    let both = (&place, &pki);
    server.keyreeve(&[
        "credential",
        "certificate",
        "billing",
        "--role",
        "user",
        "--organisation",
        "corp",
        "--name",
        "spiffe://example/billing",
    ]);
    let port = server.variable("KEYREEVE_KMIP_ADDR").rsplit_once(':').unwrap().1.to_owned();
    let file = |name: &str| pki.path().join(name);
    let mut kmip = Command::new(python);
    kmip.args(["-c", KMIP, &port]).arg(place.path().join("ca.pem"));
    kmip.arg(file("corp/billing.pem")).arg(file("corp/billing.key"));
    kmip.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut kmip = kmip.spawn().unwrap();
    let (mut asks, answers) = (kmip.stdin.take().unwrap(), kmip.stdout.take().unwrap());
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(answers));
    let mut ask = || {
        std::io::Write::write_all(&mut asks, b"\n").unwrap();
        answers.next().unwrap().unwrap()
    };
    assert_eq!(ask(), "0");

    shell(
        pki.path(),
        // Lists that were made before stand in front of the new ones: the newest of an authority counts.
        "cd corp; cp crl.pem before; openssl ca -config ca.conf -revoke billing.leaf -keyfile ca.key -cert ca.pem; cd ..
         sleep 1; lists corp '-crldays 5'; cd corp; cat before crl.pem > crl.new; mv crl.new crl.pem",
    );
    server.keyreeve(&["reload"]);
    assert_eq!(ask(), "1", "an open connection goes on");
    assert!(whoami(&server, both, "corp/billing").is_err());
    until("the log says why", || server.printed().contains("Revoked"));
    drop(asks);
    let _ = kmip.wait();

    // Nobody says any more who is revoked: nobody counts.
    shell(pki.path(), "lists corp '-crlsec 1'; sleep 2");
    server.keyreeve(&["reload"]);
    assert!(whoami(&server, both, "corp/shop").is_err());
    until("the log says why", || server.printed().contains("certificate revocation list expired"));
    // A file that cannot be read leaves that in force.
    fs::write(file("corp/crl.pem"), "nothing").unwrap();
    let reload = server.command(KEYREEVE).arg("reload").output().unwrap();
    let told = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && told.contains("crl_file"), "{told}");
    assert!(whoami(&server, both, "corp/shop").is_err());
    assert_eq!(server.stop(), Some(0));
}
