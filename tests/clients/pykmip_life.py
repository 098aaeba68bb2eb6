"""The whole life of keys over KMIP, with PyKMIP unmodified as the client.

usage: pykmip_life.py VERSION [TLS]

VERSION is 1.0, 1.2, 1.4 or 2.0; TLS is 1.2 for exactly that version, absent for the best that both ends
have. The server and the client's identity come from the environment, as `keyreeve dev` writes it:
KEYREEVE_KMIP_ADDR, KEYREEVE_CA, KEYREEVE_CLIENT_CERT, KEYREEVE_CLIENT_KEY. Each check prints a line; the
first that fails ends the run with exit code 1. Not here: what PyKMIP's client does not offer (AddAttribute,
ReKeyKeyPair, RNGRetrieve, MACVerify, batches).
"""

import hashlib
import hmac
import logging
import os
import ssl
import sys
import uuid

from checks import Failed, check, refused
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key
from kmip.core import enums, objects
from kmip.core.attributes import CryptographicParameters
from kmip.core.factories.attribute_values import AttributeValueFactory
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.messages import payloads
from kmip.pie import objects as pie
from kmip.pie.client import ProxyKmipClient

VERSIONS = {
    "1.0": enums.KMIPVersion.KMIP_1_0,
    "1.2": enums.KMIPVersion.KMIP_1_2,
    "1.4": enums.KMIPVersion.KMIP_1_4,
    "2.0": enums.KMIPVersion.KMIP_2_0,
}
TEXT = b"In the beginning was the key, and it was sixteen bytes and some more."

Algorithm = enums.CryptographicAlgorithm
Mask = enums.CryptographicUsageMask
Reason = enums.RevocationReasonCode
ResultReason = enums.ResultReason


class Life:
    """One client at one version, and what the checks share."""

    def __init__(self, client, version):
        self.client = client
        self.version = version
        self.attributes = AttributeFactory()
        self.run = uuid.uuid4().hex[:12]

    def name(self, what):
        """A name that no other run uses."""
        return f"pykmip-{self.version}-{what}-{self.run}"

    def since(self, version):
        return self.version >= version

    def attribute(self, uid, name):
        """The values of one attribute, in order."""
        answered, found = self.client.get_attributes(uid, [name])
        check(answered == uid, f"GetAttributes answers for the object asked for ({name})", answered)
        return [attribute.attribute_value for attribute in found]

    def value(self, uid, name):
        """The plain value of an attribute that has one."""
        values = self.attribute(uid, name)
        check(len(values) == 1, f"{name} has one value", values)
        return values[0].value

    def names(self, uid):
        return [value.name_value.value for value in self.attribute(uid, "Name")]

    def locate(self, *pairs):
        """The objects whose attributes have these values."""
        wanted = [self.attributes.create_attribute(kind, value) for kind, value in pairs]
        return self.client.locate(attributes=wanted)

    def by_name(self, name):
        return self.locate((enums.AttributeType.NAME, name))

    def send(self, operation, payload):
        """An operation of which PyKMIP's simple client drops a field."""
        return self.client.proxy.send_request_payload(operation, payload)


def server(life):
    """Query and DiscoverVersions."""
    functions = [enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS,
                 enums.QueryFunction.QUERY_SERVER_INFORMATION]
    result = life.client.proxy.query(query_functions=functions)
    check(result.result_status.value == enums.ResultStatus.SUCCESS, "Query succeeds", result.result_message)
    operations = set(result.operations)
    wanted = {enums.Operation[name] for name in (
        "CREATE", "CREATE_KEY_PAIR", "REGISTER", "REKEY", "LOCATE", "CHECK", "GET", "GET_ATTRIBUTES",
        "GET_ATTRIBUTE_LIST", "MODIFY_ATTRIBUTE", "DELETE_ATTRIBUTE", "ACTIVATE", "REVOKE", "DESTROY", "QUERY")}
    uses = {enums.Operation[name] for name in ("ENCRYPT", "DECRYPT", "SIGN", "SIGNATURE_VERIFY", "MAC")}
    if life.since("1.2"):
        wanted |= uses
    check(wanted <= operations, "Query lists the operations", wanted - operations)
    check(life.since("1.2") or not uses & operations, "Query lists nothing newer than the version", operations)
    check(enums.Operation.SET_ATTRIBUTE not in operations or life.since("2.0"), "SetAttribute is of 2.0")
    types = set(result.object_types)
    kinds = {enums.ObjectType.SYMMETRIC_KEY, enums.ObjectType.PUBLIC_KEY, enums.ObjectType.PRIVATE_KEY,
             enums.ObjectType.CERTIFICATE, enums.ObjectType.SECRET_DATA, enums.ObjectType.OPAQUE_DATA}
    check(kinds <= types, "Query lists the object types", kinds - types)
    check(result.vendor_identification is not None, "Query names the vendor")
    if life.since("1.2"):
        result = life.client.proxy.discover_versions()
        check(result.result_status.value == enums.ResultStatus.SUCCESS, "DiscoverVersions succeeds")
        found = [(version.major, version.minor) for version in result.protocol_versions]
        wanted = {(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 0), (2, 1)}
        check(wanted <= set(found), "DiscoverVersions lists 1.0 to 2.1", found)
        check(found == sorted(found, reverse=True), "DiscoverVersions prefers the newest", found)


def symmetric_key(life):
    """Create, look at, change, activate, use, rotate, revoke and destroy an AES key."""
    client, name = life.client, life.name("aes")
    uid = client.create(Algorithm.AES, 256, name=name, cryptographic_usage_mask=[Mask.ENCRYPT, Mask.DECRYPT])
    check(bool(uid), "Create answers an identifier", uid)
    check(life.value(uid, "State") == enums.State.PRE_ACTIVE, "a created key is pre-active")
    check(life.value(uid, "Object Type") == enums.ObjectType.SYMMETRIC_KEY, "it is a symmetric key")
    check(life.value(uid, "Cryptographic Algorithm") == Algorithm.AES, "its algorithm is AES")
    check(life.value(uid, "Cryptographic Length") == 256, "its length is 256 bits")
    mask = life.value(uid, "Cryptographic Usage Mask")
    check(mask == Mask.ENCRYPT.value | Mask.DECRYPT.value, "its usage is what was asked for", mask)
    check(life.value(uid, "Initial Date") > 0, "it has an initial date")
    check(life.names(uid) == [name], "it has its name")
    listed = set(client.get_attribute_list(uid))
    wanted = {"Unique Identifier", "Name", "State", "Object Type", "Cryptographic Algorithm",
              "Cryptographic Length", "Cryptographic Usage Mask", "Initial Date", "Last Change Date"}
    check(wanted <= listed, "GetAttributeList names what it has", wanted - listed)
    check(life.by_name(name) == [uid], "Locate finds it by name")
    check(uid in life.locate((enums.AttributeType.CRYPTOGRAPHIC_ALGORITHM, Algorithm.AES),
                             (enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 256),
                             (enums.AttributeType.STATE, enums.State.PRE_ACTIVE)),
          "Locate finds it by algorithm, length and state")
    check(life.by_name(name + "-other") == [], "Locate finds nothing by another name")
    with refused("a second object of the same name"):
        client.create(Algorithm.AES, 256, name=name)
    check(client.check(uid, cryptographic_usage_mask=[Mask.ENCRYPT]) == uid, "Check agrees to the usage")
    name = rename(life, uid, name)

    if life.since("1.2"):
        with refused("Encrypt with a pre-active key"):
            client.encrypt(TEXT, uid, cbc(), bytes(16))
    client.activate(uid)
    check(life.value(uid, "State") == enums.State.ACTIVE, "Activate makes it active")
    check(life.value(uid, "Activation Date") > 0, "it has an activation date")
    with refused("Activate of an active key"):
        client.activate(uid)
    key = client.get(uid)
    check(isinstance(key, pie.SymmetricKey) and len(key.value) == 32, "Get answers 32 bytes of key", type(key))
    check(key.cryptographic_algorithm == Algorithm.AES, "Get answers the algorithm")
    ciphertext = symmetric_uses(life, uid, key.value) if life.since("1.2") else None
    if ciphertext is None:
        with refused("Encrypt, which this version does not have", ResultReason.OPERATION_NOT_SUPPORTED):
            client.encrypt(TEXT, uid, cbc(), bytes(16))

    successor = rekey(life, uid)
    check(successor != uid, "ReKey answers a new identifier")
    check(life.value(successor, "State") == enums.State.ACTIVE, "the new key is active, as the old one was")
    check(life.names(successor) == [name], "the new key takes the name over")
    check(life.by_name(name) == [successor], "Locate by name finds the new key only")
    other = client.get(successor)
    check(len(other.value) == 32 and other.value != key.value, "ReKey makes other material of the same length")
    check("Link" in client.get_attribute_list(uid), "the old key is linked to the new one")
    end(life, uid, ciphertext)
    client.revoke(Reason.KEY_COMPROMISE, successor, "left in a taxi", compromise_occurrence_date=1)
    check(life.value(successor, "State") == enums.State.COMPROMISED, "a compromise is recorded as one")
    client.destroy(successor)
    with refused("Get of the destroyed new key"):
        client.get(successor)


def rename(life, uid, name):
    """ModifyAttribute of the name; answers the new one."""
    renamed = name + "-renamed"
    if life.since("2.0"):
        life.client.modify_attribute(
            uid,
            current_attribute=objects.CurrentAttribute(plain(enums.Tags.NAME, name)),
            new_attribute=objects.NewAttribute(plain(enums.Tags.NAME, renamed)))
    else:
        attribute = life.attributes.create_attribute(enums.AttributeType.NAME, renamed, index=0)
        life.client.modify_attribute(uid, attribute=attribute)
    check(life.names(uid) == [renamed], "ModifyAttribute renames")
    check(life.by_name(renamed) == [uid], "Locate finds it by the new name")
    found = life.by_name(name)
    check(found == [], "Locate does not find it by the old name", found)
    return renamed


def plain(tag, value):
    """An attribute as 2.0 writes it: under its own tag."""
    return AttributeValueFactory().create_attribute_value_by_enum(tag, value)


def attribute_changes(life):
    """DeleteAttribute and SetAttribute, on a key of their own."""
    client, name = life.client, life.name("attributes")
    uid = client.create(Algorithm.AES, 128, name=name)
    if life.since("2.0"):
        client.set_attribute(uid, attribute_name="Contact Information", attribute_value="ops@example.org")
        check(life.value(uid, "Contact Information") == "ops@example.org", "SetAttribute sets")
        contact = plain(enums.Tags.CONTACT_INFORMATION, "ops@example.org")
        client.delete_attribute(uid, current_attribute=objects.CurrentAttribute(contact))
        check("Contact Information" not in client.get_attribute_list(uid), "DeleteAttribute deletes")
        with refused("SetAttribute of a read-only attribute"):
            client.set_attribute(uid, attribute_name="State", attribute_value=enums.State.ACTIVE)
        named = objects.CurrentAttribute(plain(enums.Tags.NAME, name))
        client.delete_attribute(uid, current_attribute=named)
    else:
        with refused("DeleteAttribute of a required attribute"):
            client.delete_attribute(uid, attribute_name="State", attribute_index=0)
        client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
        with refused("DeleteAttribute of an attribute that is not there"):
            client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
    check("Name" not in client.get_attribute_list(uid), "DeleteAttribute deletes the name")
    check(life.by_name(name) == [], "Locate does not find it by a deleted name")
    client.destroy(uid)


def cbc(**more):
    return {"cryptographic_algorithm": Algorithm.AES, "block_cipher_mode": enums.BlockCipherMode.CBC,
            "padding_method": enums.PaddingMethod.PKCS5, **more}


def symmetric_uses(life, uid, key):
    """Encrypt and Decrypt against the same done here; answers a ciphertext under a zero IV."""
    client, iv = life.client, bytes(16)
    ciphertext, _ = client.encrypt(TEXT, uid, cbc(), iv)
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    padded = padder.update(TEXT) + padder.finalize()
    check(ciphertext == encryptor.update(padded) + encryptor.finalize(), "Encrypt is AES-256-CBC with PKCS5 padding")
    check(client.decrypt(ciphertext, uid, cbc(), iv) == TEXT, "Decrypt gives the text back")
    with refused("Decrypt of a cut ciphertext"):
        client.decrypt(ciphertext[:-1], uid, cbc(), iv)
    with refused("Encrypt with an IV of the wrong length"):
        client.encrypt(TEXT, uid, cbc(), iv[:-1])
    other, random = client.encrypt(TEXT, uid, cbc(random_iv=True))
    check(random is not None and len(random) == 16, "Encrypt with Random IV answers the IV", random)
    check(client.decrypt(other, uid, cbc(), random) == TEXT, "Decrypt takes that IV")
    if life.since("1.4"):
        authenticated_encryption(life, uid, key)
    with refused("Sign with a key that may only encrypt"):
        client.sign(TEXT, uid, rsa_pkcs1())
    return ciphertext


def authenticated_encryption(life, uid, key):
    """AES-GCM with additional data and a tag, which the protocol has from 1.4 on."""
    parameters = CryptographicParameters(cryptographic_algorithm=Algorithm.AES,
                                         block_cipher_mode=enums.BlockCipherMode.GCM, tag_length=16)
    nonce, context = bytes(range(12)), b"context"
    answer = life.send(enums.Operation.ENCRYPT, payloads.EncryptRequestPayload(
        unique_identifier=uid, cryptographic_parameters=parameters, data=TEXT, iv_counter_nonce=nonce,
        auth_additional_data=context))
    check(answer.data + answer.auth_tag == AESGCM(key).encrypt(nonce, TEXT, context), "Encrypt is AES-256-GCM")

    def decrypt(tag):
        return life.send(enums.Operation.DECRYPT, payloads.DecryptRequestPayload(
            unique_identifier=uid, cryptographic_parameters=parameters, data=answer.data, iv_counter_nonce=nonce,
            auth_additional_data=context, auth_tag=tag)).data

    check(decrypt(answer.auth_tag) == TEXT, "Decrypt checks the tag and gives the text back")
    with refused("Decrypt with a wrong tag"):
        decrypt(bytes(16))


def rekey(life, uid):
    """ReKey; PyKMIP's simple client would send 2.0 a field that only 1.x has."""
    if not life.since("2.0"):
        return life.client.rekey(uid)
    result = life.client.proxy.rekey(uuid=uid)
    check(result["result_status"] == enums.ResultStatus.SUCCESS, "ReKey succeeds", result)
    return result["unique_identifier"]


def end(life, uid, ciphertext):
    """Revoke and destroy an active key, which decrypts until then."""
    client = life.client
    with refused("Destroy of an active key"):
        client.destroy(uid)
    client.revoke(Reason.CESSATION_OF_OPERATION, uid, "rotated")
    check(life.value(uid, "State") == enums.State.DEACTIVATED, "Revoke deactivates it")
    if ciphertext is not None:
        with refused("Encrypt with a deactivated key"):
            client.encrypt(TEXT, uid, cbc(), bytes(16))
        check(client.decrypt(ciphertext, uid, cbc(), bytes(16)) == TEXT, "a deactivated key still decrypts")
    with refused("Activate of a deactivated key"):
        client.activate(uid)
    client.destroy(uid)
    with refused("Get of a destroyed key"):
        client.get(uid)
    with refused("Destroy of a destroyed key"):
        client.destroy(uid)


def rsa_pkcs1():
    return {"cryptographic_algorithm": Algorithm.RSA, "padding_method": enums.PaddingMethod.PKCS1v15,
            "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
            "digital_signature_algorithm": enums.DigitalSignatureAlgorithm.SHA256_WITH_RSA_ENCRYPTION}


def rsa_pss():
    return {"cryptographic_algorithm": Algorithm.RSA, "padding_method": enums.PaddingMethod.PSS,
            "hashing_algorithm": enums.HashingAlgorithm.SHA_256}


def rsa_oaep():
    # PyKMIP cannot name the hash of the mask generator, whose default is SHA-1 (KMIP 1.4, 3.6).
    return {"cryptographic_algorithm": Algorithm.RSA, "padding_method": enums.PaddingMethod.OAEP,
            "hashing_algorithm": enums.HashingAlgorithm.SHA_1}


def key_pair(life):
    """CreateKeyPair, then every use of both halves, checked with another library."""
    client, name = life.client, life.name("rsa")
    public, private = client.create_key_pair(
        Algorithm.RSA, 2048, public_name=name + "-public", public_usage_mask=[Mask.VERIFY, Mask.ENCRYPT],
        private_name=name + "-private", private_usage_mask=[Mask.SIGN, Mask.DECRYPT])
    check(life.by_name(name + "-public") == [public], "Locate finds the public key by name")
    check(life.by_name(name + "-private") == [private], "Locate finds the private key by name")
    check(life.value(public, "Object Type") == enums.ObjectType.PUBLIC_KEY, "one half is a public key")
    check(life.value(private, "Object Type") == enums.ObjectType.PRIVATE_KEY, "the other is a private key")
    for half in (public, private):
        listed = client.get_attribute_list(half)
        check("Link" in listed, "each half is linked to the other", listed)
        client.activate(half)
        check(life.value(half, "State") == enums.State.ACTIVE, "Activate makes each half active")
    got = client.get(public)
    check(isinstance(got, pie.PublicKey), "Get answers a public key", type(got))
    here = load_der_public_key(got.value)
    check(here.key_size == 2048 and here.public_numbers().e == 65537, "it is a 2048-bit RSA key")
    if life.since("1.2"):
        pair_uses(life, public, private, here)
    else:
        with refused("Sign, which this version does not have", ResultReason.OPERATION_NOT_SUPPORTED):
            client.sign(TEXT, private, rsa_pkcs1())
    for half in (private, public):
        client.revoke(Reason.CESSATION_OF_OPERATION, half)
        check(life.value(half, "State") == enums.State.DEACTIVATED, "Revoke deactivates each half")
    if life.since("1.2"):
        with refused("Sign with a deactivated key"):
            client.sign(TEXT, private, rsa_pkcs1())
    for half in (private, public):
        client.destroy(half)
        with refused("Get of a destroyed half"):
            client.get(half)


def pair_uses(life, public, private, here):
    """Signatures by both paddings, and OAEP both ways; `here` is the public key in the other library."""
    client = life.client
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    for what, parameters, scheme in (("PKCS#1 v1.5", rsa_pkcs1(), padding.PKCS1v15()), ("PSS", rsa_pss(), pss)):
        signature = client.sign(TEXT, private, parameters)
        try:
            here.verify(signature, TEXT, scheme, hashes.SHA256())
        except InvalidSignature:
            raise Failed(f"the signature ({what}) is wrong") from None
        check(len(signature) == 256, f"Sign makes a good signature ({what})")
        valid = client.signature_verify(TEXT, signature, public, parameters)
        check(valid == enums.ValidityIndicator.VALID, f"SignatureVerify says valid ({what})", valid)
        valid = client.signature_verify(TEXT + b"!", signature, public, parameters)
        check(valid == enums.ValidityIndicator.INVALID, f"SignatureVerify says invalid of other data ({what})", valid)
    short = TEXT[:32]
    ciphertext, _ = client.encrypt(short, public, rsa_oaep())
    check(client.decrypt(ciphertext, private, rsa_oaep()) == short, "Decrypt undoes Encrypt (OAEP)")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    check(client.decrypt(here.encrypt(short, oaep), private, rsa_oaep()) == short,
          "Decrypt undoes what another library encrypted (OAEP)")
    with refused("Decrypt of a damaged ciphertext"):
        client.decrypt(bytes(256), private, rsa_oaep())
    with refused("Sign with a public key"):
        client.sign(TEXT, public, rsa_pkcs1())


def mac(life):
    """Register an HMAC key, use it and compare with HMAC done here."""
    client, key = life.client, bytes(range(32))
    uid = client.register(pie.SymmetricKey(Algorithm.HMAC_SHA256, 256, key, [Mask.MAC_GENERATE, Mask.MAC_VERIFY],
                                           name=life.name("hmac")))
    client.activate(uid)
    if life.since("1.2"):
        answered, code = client.mac(TEXT, uid, Algorithm.HMAC_SHA256)
        check(answered == uid, "MAC answers for its key")
        check(code == hmac.new(key, TEXT, hashlib.sha256).digest(), "MAC is HMAC-SHA-256")
    client.revoke(Reason.CESSATION_OF_OPERATION, uid)
    client.destroy(uid)


def registered(life):
    """Register, Get and Destroy of each kind of object that a client brings along."""
    with open(os.environ["KEYREEVE_CLIENT_CERT"], encoding="ascii") as file:
        pem = file.read()
    first, last = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start = pem.index(first)
    certificate = ssl.PEM_cert_to_DER_cert(pem[start:pem.index(last, start) + len(last)] + "\n")
    uses = [Mask.ENCRYPT, Mask.DECRYPT]
    brought = {
        "symmetric key": pie.SymmetricKey(Algorithm.AES, 128, bytes(range(16)), uses, name=life.name("own")),
        "secret data": pie.SecretData(b"open sesame", enums.SecretDataType.PASSWORD, [Mask.VERIFY],
                                      name=life.name("secret")),
        "opaque object": pie.OpaqueObject(b"\x00\x01 whatever", enums.OpaqueDataType.NONE, name=life.name("opaque")),
        "certificate": pie.X509Certificate(certificate, [Mask.VERIFY], name=life.name("certificate")),
    }
    for what, mine in brought.items():
        uid = life.client.register(mine)
        check(life.by_name(mine.names[0]) == [uid], f"Locate finds a registered {what}")
        got = life.client.get(uid)
        check(type(got) is type(mine), f"Get answers the {what}", type(got))
        check(got.value == mine.value, f"Get answers the bytes of the {what}")
        life.client.destroy(uid)
        with refused(f"Get of the destroyed {what}"):
            life.client.get(uid)


def strangers(life):
    """What does not exist, or cannot."""
    nobody = str(uuid.uuid4())
    absent = ResultReason.OBJECT_NOT_FOUND if life.version == "2.0" else ResultReason.ITEM_NOT_FOUND
    with refused("Get of an object that does not exist", absent, ResultReason.PERMISSION_DENIED):
        life.client.get(nobody)
    with refused("Destroy of an object that does not exist"):
        life.client.destroy(nobody)
    with refused("Create of a key of an impossible length"):
        life.client.create(Algorithm.AES, 100)


CHAPTERS = (server, symmetric_key, attribute_changes, key_pair, mac, registered, strangers)


def connect(version, tls):
    host, _, port = os.environ["KEYREEVE_KMIP_ADDR"].rpartition(":")
    return ProxyKmipClient(
        hostname=host,
        port=int(port),
        cert=os.environ["KEYREEVE_CLIENT_CERT"],
        key=os.environ["KEYREEVE_CLIENT_KEY"],
        ca=os.environ["KEYREEVE_CA"],
        ssl_version="PROTOCOL_TLSv1_2" if tls == "1.2" else "PROTOCOL_TLS",
        kmip_version=VERSIONS[version],
    )


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0] not in VERSIONS or arguments[1:] not in ([], ["1.2"]):
        print(__doc__, file=sys.stderr)
        return 2
    logging.disable(logging.CRITICAL)
    version, tls = arguments[0], arguments[1] if arguments[1:] else None
    with connect(version, tls) as client:
        spoken = client.proxy.socket.version()
        check(spoken in (("TLSv1.2",) if tls else ("TLSv1.2", "TLSv1.3")), f"connected over {spoken}")
        for chapter in CHAPTERS:
            print(f"--  KMIP {version}: {chapter.__doc__.splitlines()[0]}")
            try:
                chapter(Life(client, version))
            except Failed as failed:
                print(f"FAILED in {chapter.__name__}: {failed}")
                return 1
    print(f"KMIP {version}: the whole life of every key")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
