"""What PyKMIP's client can do beyond the life of a key: wrapping, derivation, searches, and what it makes of refusals.

usage: pykmip_depth.py VERSION

VERSION is 1.0 to 1.4 or 2.0. PyKMIP is unmodified; what its simple client drops goes through its own proxy and payloads.
The server and the client's identity come from the environment, as `keyreeve dev` writes it. Each check prints a line;
the first that fails ends the run with exit code 1. Not here: the life of each kind of key (pykmip_life.py), and the
operations for which PyKMIP has payloads that its client does not read (Archive, Recover, Obtain Lease and their like).
"""

import hashlib
import hmac
import logging
import os
import sys
import uuid

from checks import Failed, check, refused
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from kmip.core import enums, objects
from kmip.core.attributes import PrivateKeyUniqueIdentifier
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.messages import messages, payloads
from kmip.core.misc import KeyFormatType
from kmip.pie import objects as pie
from kmip.pie.client import ProxyKmipClient

VERSIONS = {name: enums.KMIPVersion["KMIP_" + name.replace(".", "_")] for name in
            ("1.0", "1.1", "1.2", "1.3", "1.4", "2.0")}

Algorithm = enums.CryptographicAlgorithm
Kind = enums.AttributeType
Mask = enums.CryptographicUsageMask
Hash = enums.HashingAlgorithm
Reason = enums.ResultReason
SUCCESS = enums.ResultStatus.SUCCESS


class Depth:
    """One client at one version, and what the checks share."""

    def __init__(self, client, version):
        self.client = client
        self.version = version
        self.run = uuid.uuid4().hex[:12]

    def since(self, version):
        return self.version >= version

    def reason(self, since_2, before):
        """The reason of a refusal: 2.0 has finer ones."""
        return since_2 if self.since("2.0") else before

    def name(self, what):
        """A name that no other run uses."""
        return f"depth-{self.version}-{what}-{self.run}"

    def value(self, uid, name):
        """The value of an attribute that has one."""
        _, found = self.client.get_attributes(uid, [name])
        check(len(found) == 1, f"{name} has one value", found)
        return found[0].attribute_value

    def active(self, algorithm, bits, masks, **more):
        uid = self.client.create(algorithm, bits, cryptographic_usage_mask=masks, **more)
        self.client.activate(uid)
        return uid

    def register(self, mine):
        """Registers an object under a name that no other has: PyKMIP's own would be the same for each kind."""
        mine.names = [self.name(uuid.uuid4().hex)]
        return self.client.register(mine)

    def check(self, uid, mask):
        """Check that is refused: PyKMIP's own function trips over an answer without payload."""
        asked = payloads.CheckRequestPayload(uid, cryptographic_usage_mask=mask.value)
        return self.send(enums.Operation.CHECK, asked)

    def send(self, operation, payload):
        """An operation for which PyKMIP has a payload and no function."""
        return self.client.proxy.send_request_payload(operation, payload)


def attribute(kind, value):
    return AttributeFactory().create_attribute(kind, value)


def creation(depth):
    """Create and Re-key with what the simple client lets one say."""
    client, name = depth.client, depth.name("made")
    policy = {} if depth.since("2.0") else {"operation_policy_name": "default"}
    uid = client.create(Algorithm.AES, 192, name=name, cryptographic_usage_mask=[Mask.ENCRYPT], **policy)
    check(depth.value(uid, "Cryptographic Length").value == 192, "an AES key of 192 bits")
    if policy:
        check(depth.value(uid, "Operation Policy Name").value == "default", "the operation policy name is kept")
    for algorithm, bits in ((Algorithm.TRIPLE_DES, 192), (Algorithm.HMAC_SHA256, 256), (Algorithm.HMAC_SHA512, 512)):
        made = client.create(algorithm, bits)
        key = client.get(made)
        check((key.cryptographic_algorithm, len(key.value) * 8) == (algorithm, bits), f"a key for {algorithm.name}")
    if not depth.since("2.0"):
        client.activate(uid)
        moved = client.rekey(uid, offset=3600)
        check(depth.value(moved, "State").value == enums.State.PRE_ACTIVE, "Re-key with an offset: not active yet")
        again = client.rekey(moved, activation_date=1, deactivation_date=4102444800)
        check(depth.value(again, "State").value == enums.State.ACTIVE, "Re-key with dates: active")
        check(depth.value(again, "Deactivation Date").value == 4102444800, "Re-key with dates keeps them")
    with refused("a key for an algorithm that makes none"):
        client.create(Algorithm.RSA, 2048)


def key_pairs(depth):
    """CreateKeyPair, Re-key Key Pair, and keys in the formats that Get can be asked for."""
    client, proxy = depth.client, depth.client.proxy
    public, private = client.create_key_pair(Algorithm.RSA, 2048, public_name=depth.name("public"),
                                             private_name=depth.name("private"))
    for what, uid, formats in (("public", public, (enums.KeyFormatType.PKCS_1, enums.KeyFormatType.X_509)),
                               ("private", private, (enums.KeyFormatType.PKCS_1, enums.KeyFormatType.PKCS_8))):
        for wanted in formats:
            result = proxy.get(uid, key_format_type=KeyFormatType(wanted))
            check(result.result_status.value == SUCCESS, f"Get of the {what} key as {wanted.name}", result.result_message)
            block = result.secret.key_block
            check(block.key_format_type.value == wanted, "it is in that format")
            material = block.key_value.key_material.value
            if what == "private":
                key = serialization.load_der_private_key(material, None)
                check(key.key_size == 2048, "it is a private key of 2048 bits")
        result = proxy.get(uid, key_format_type=KeyFormatType(enums.KeyFormatType.TRANSPARENT_DSA_PUBLIC_KEY))
        check(result.result_reason.value == Reason.KEY_FORMAT_TYPE_NOT_SUPPORTED, "refused: a format of another kind",
              result.result_reason)
    result = proxy.get(public, key_compression_type=enums.KeyCompressionType.EC_PUBLIC_KEY_TYPE_UNCOMPRESSED)
    check(result.result_status.value == SUCCESS, "Get uncompressed, as keys are given", result.result_message)
    with refused("Get compressed"):
        compressed = enums.KeyCompressionType.EC_PUBLIC_KEY_TYPE_X9_62_COMPRESSED_PRIME
        result = proxy.get(public, key_compression_type=compressed)
        raise Refusal(result.result_reason.value) if result.result_status.value != SUCCESS else Failed("compressed")
    if depth.since("1.1") and not depth.since("2.0"):
        client.activate(private)
        client.activate(public)
        result = proxy.rekey_key_pair(private_key_uuid=PrivateKeyUniqueIdentifier(private))
        check(result.result_status.value == SUCCESS, "Re-key Key Pair", result.result_message)
        check({result.private_key_uuid, result.public_key_uuid}.isdisjoint({public, private}), "both halves are new")
        check(client.locate(attributes=[attribute(Kind.NAME, depth.name("private"))]) == [result.private_key_uuid],
              "the new private key has the name")
    with refused("a pair of a symmetric algorithm"):
        client.create_key_pair(Algorithm.AES, 256)


class Refusal(Exception):
    """What the proxy answers as a result."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def brought_along(depth):
    """Register of keys in every format that PyKMIP has a class for, and of parts of a split key."""
    client = depth.client
    key = rsa.generate_private_key(65537, 2048)
    der, formats = serialization.Encoding.DER, serialization.PrivateFormat
    plain, public = serialization.NoEncryption(), key.public_key()
    pkcs1, pkcs8 = (key.private_bytes(der, which, plain) for which in (formats.TraditionalOpenSSL, formats.PKCS8))
    public_formats = serialization.PublicFormat
    public_pkcs1 = public.public_bytes(der, public_formats.PKCS1)
    spki = public.public_bytes(der, public_formats.SubjectPublicKeyInfo)
    for what, mine in {
        "private key in PKCS#1": pie.PrivateKey(Algorithm.RSA, 2048, pkcs1, enums.KeyFormatType.PKCS_1, [Mask.SIGN]),
        "private key in PKCS#8": pie.PrivateKey(Algorithm.RSA, 2048, pkcs8, enums.KeyFormatType.PKCS_8, [Mask.SIGN]),
        "public key in PKCS#1": pie.PublicKey(Algorithm.RSA, 2048, public_pkcs1, enums.KeyFormatType.PKCS_1),
        "public key in X.509": pie.PublicKey(Algorithm.RSA, 2048, spki, enums.KeyFormatType.X_509, [Mask.VERIFY]),
        "seed": pie.SecretData(bytes(range(96)), enums.SecretDataType.SEED),
        "Triple DES key": pie.SymmetricKey(Algorithm.TRIPLE_DES, 192, bytes(range(24))),
        "part of a split key": pie.SplitKey(Algorithm.AES, 256, bytes(range(32)),
                                            cryptographic_usage_masks=[Mask.ENCRYPT], split_key_parts=3,
                                            key_part_identifier=2, split_key_threshold=3,
                                            split_key_method=enums.SplitKeyMethod.XOR),
    }.items():
        uid = depth.register(mine)
        got = client.get(uid)
        check(type(got) is type(mine) and got.value == mine.value, f"comes back as it was: {what}", got)
        for field in ("key_format_type", "split_key_parts", "key_part_identifier", "data_type"):
            if hasattr(mine, field):
                check(getattr(got, field) == getattr(mine, field), f"so does its {field}", getattr(got, field))
    with refused("a key of another length than it says"):
        depth.register(pie.PrivateKey(Algorithm.RSA, 4096, pkcs1, enums.KeyFormatType.PKCS_1))


def wrapped(depth):
    """Get under Key Wrapping Specifications, opened here."""
    client = depth.client
    kek = bytes(range(32))
    wrapping = depth.register(pie.SymmetricKey(Algorithm.AES, 256, kek, [Mask.WRAP_KEY, Mask.UNWRAP_KEY]))
    client.activate(wrapping)
    secret = bytes(range(100, 132))
    uid = depth.register(pie.SymmetricKey(Algorithm.AES, 256, secret, [Mask.ENCRYPT]))

    def specification(key=wrapping, mode=enums.BlockCipherMode.NIST_KEY_WRAP, **more):
        return {"wrapping_method": enums.WrappingMethod.ENCRYPT,
                "encryption_key_information": {"unique_identifier": key,
                                               "cryptographic_parameters": {"block_cipher_mode": mode}}, **more}

    def answered(specification):
        """The answer's bytes, and where its Key Value begins."""
        asked = payloads.GetRequestPayload(
            uid, key_wrapping_specification=client._build_key_wrapping_specification(specification))
        item = messages.RequestBatchItem(operation=messages.contents.Operation(enums.Operation.GET),
                                         request_payload=asked)
        client.proxy._send_message(client.proxy._build_request_message(None, [item]))
        answer = bytes(client.proxy._receive_message().buffer)
        start = answer.index(b"\x42\x00\x45\x08") + 8
        check(b"\x42\x00\x46\x01" in answer[start:], "the key block says how the key is wrapped")
        return answer, start

    def key_value(specification):
        """The Key Value of the answer, a byte string as the standard has it: PyKMIP reads structures only."""
        answer, start = answered(specification)
        return answer[start:start + int.from_bytes(answer[start - 4:start], "big")]

    def by_gcm(**more):
        """The Key Value under GCM, opened."""
        answer, start = answered(specification(mode=enums.BlockCipherMode.GCM, **more))
        wrapped = answer[start:start + int.from_bytes(answer[start - 4:start], "big")]
        nonce = answer.index(b"\x42\x00\x3d\x08\x00\x00\x00\x0c", start) + 8
        return AESGCM(kek).decrypt(answer[nonce:nonce + 12], wrapped, None)

    if depth.since("1.1"):
        bare = key_value(specification(encoding_option=enums.EncodingOption.NO_ENCODING))
        check(keywrap.aes_key_unwrap(kek, bare) == secret, "the key is wrapped as RFC 3394 says")
    opened = keywrap.aes_key_unwrap(kek, key_value(specification()))
    check(opened.startswith(b"\x42\x00\x45\x01") and secret in opened, "else the whole Key Value is wrapped", opened)
    check(by_gcm()[:4] == b"\x42\x00\x45\x01", "GCM wraps the Key Value, with its tag behind it")
    if depth.since("1.1"):
        check(by_gcm(encoding_option=enums.EncodingOption.NO_ENCODING) == secret, "GCM wraps a bare key")
        nonce = uuid.uuid4().bytes[:12]
        data = {**specification(mode=enums.BlockCipherMode.GCM), "iv_counter_nonce": nonce,
                "encoding_option": enums.EncodingOption.NO_ENCODING}
        for sealed, whole in ((AESGCM(kek).encrypt(nonce, secret, None), True), (bytes(48), False)):
            mine = pie.SymmetricKey(Algorithm.AES, 256, sealed, [Mask.ENCRYPT], key_wrapping_data=data)
            if whole:
                check(client.get(depth.register(mine)).value == secret, "what was wrapped by GCM here is unwrapped there")
            else:
                with refused("what GCM does not open", Reason.CRYPTOGRAPHIC_FAILURE):
                    depth.register(mine)
    nobody = str(uuid.uuid4())
    with refused("wrapping under a key that is not there",
                 *depth.reason((Reason.WRAPPING_OBJECT_NOT_FOUND, Reason.OBJECT_NOT_FOUND), (Reason.ITEM_NOT_FOUND,))):
        client.get(uid, specification(key=nobody))
    with refused("wrapping under a key that may not wrap"):
        client.get(uid, specification(key=depth.active(Algorithm.AES, 256, [Mask.ENCRYPT])))
    with refused("wrapping by a mode that wraps nothing"):
        client.get(uid, specification(mode=enums.BlockCipherMode.XTS))
    with refused("a wrapping that signs only", Reason.FEATURE_NOT_SUPPORTED):
        client.get(uid, {"wrapping_method": enums.WrappingMethod.MAC_SIGN,
                         "mac_signature_key_information": {"unique_identifier": wrapping}})


def derivation(depth):
    """Derive Key by each method, against the same done here."""
    client, text = depth.client, b"what is derived from"
    key = bytes(range(32))
    base = depth.register(pie.SymmetricKey(Algorithm.AES, 256, key, [Mask.DERIVE_KEY]))
    password = depth.register(pie.SecretData(b"password", enums.SecretDataType.PASSWORD, [Mask.DERIVE_KEY]))
    for uid in (base, password):
        client.activate(uid)

    def derived(method, uid=base, kind=enums.ObjectType.SYMMETRIC_KEY, **parameters):
        made = client.derive_key(kind, [uid], method, parameters, cryptographic_length=256,
                                 cryptographic_algorithm=Algorithm.AES, cryptographic_usage_mask=[Mask.ENCRYPT])
        return client.get(made).value

    sha256 = {"hashing_algorithm": Hash.SHA_256}
    method = enums.DerivationMethod
    check(derived(method.HASH, cryptographic_parameters=sha256) == hashlib.sha256(key).digest(), "HASH")
    wanted = hmac.new(key, text, hashlib.sha256).digest()
    check(derived(method.HMAC, cryptographic_parameters=sha256, derivation_data=text) == wanted, "HMAC")
    wanted = hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2048)
    seen = derived(method.PBKDF2, password, cryptographic_parameters=sha256, salt=b"salt", iteration_count=2048)
    check(seen == wanted, "PBKDF2")
    wanted = KBKDFHMAC(hashes.SHA256(), Mode.CounterMode, 32, 4, None, CounterLocation.BeforeFixed, None, None,
                       fixed=text).derive(key)
    seen = derived(method.NIST800_108_C, cryptographic_parameters=sha256, derivation_data=text)
    check(seen == wanted, "SP 800-108 in counter mode")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    cipher = {"block_cipher_mode": enums.BlockCipherMode.CBC, "padding_method": enums.PaddingMethod.NONE,
              "cryptographic_algorithm": Algorithm.AES}
    seen = derived(method.ENCRYPT, derivation_data=bytes(32), cryptographic_parameters=cipher,
                   initialization_vector=bytes(16)) if depth.since("1.2") else encryptor.update(bytes(32))
    wanted = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(bytes(32))
    check(seen == wanted, "ENCRYPT")
    with refused("derivation from a key that may not"):
        derived(method.HASH, depth.active(Algorithm.AES, 256, [Mask.ENCRYPT]), cryptographic_parameters=sha256)


def searches(depth):
    """Locate by many attributes, with bounds, and Check."""
    client = depth.client
    start = 1000 + int(depth.run[:6], 16)
    uids = [client.create(Algorithm.AES, 256, name=depth.name(f"search {number}"),
                          cryptographic_usage_mask=[Mask.WRAP_KEY, Mask.UNWRAP_KEY]) for number in range(5)]
    wraps = attribute(Kind.CRYPTOGRAPHIC_USAGE_MASK, [Mask.WRAP_KEY, Mask.UNWRAP_KEY])
    kind = attribute(Kind.OBJECT_TYPE, enums.ObjectType.SYMMETRIC_KEY)
    state = attribute(Kind.STATE, enums.State.PRE_ACTIVE)
    length = attribute(Kind.CRYPTOGRAPHIC_LENGTH, 256)
    found = client.locate(attributes=[wraps, kind, state, length])
    check(set(uids) <= set(found), "Locate by mask, type, state and length finds them all", found)
    check(len(client.locate(maximum_items=2, attributes=[wraps])) == 2, "at most as many as were asked for")
    if depth.since("1.3"):
        whole = client.locate(attributes=[wraps])
        check(client.locate(maximum_items=2, offset_items=2, attributes=[wraps]) == whole[2:4], "and a page of them")
    check(client.locate(attributes=[attribute(Kind.UNIQUE_IDENTIFIER, uids[3])]) == [uids[3]], "by identifier")
    initial = depth.value(uids[0], "Initial Date").value
    dated = [attribute(Kind.INITIAL_DATE, initial - 10), attribute(Kind.INITIAL_DATE, initial + 100), wraps]
    check(set(uids) <= set(client.locate(attributes=dated)), "by a span of time", start)
    dated = [attribute(Kind.INITIAL_DATE, 10), attribute(Kind.INITIAL_DATE, 20), wraps]
    check(client.locate(attributes=dated) == [], "nothing in another span of time")
    client.destroy(uids[4])
    named = [attribute(Kind.UNIQUE_IDENTIFIER, uids[4])]
    check(client.locate(attributes=named) == [], "a destroyed key is not found")
    if depth.since("2.0"):
        mask = enums.StorageStatusMask.DESTROYED_STORAGE.value
        check(client.locate(storage_status_mask=mask, attributes=named) == [uids[4]], "unless destroyed ones are meant")
    client.activate(uids[0])
    check(client.check(uids[0], cryptographic_usage_mask=[Mask.WRAP_KEY]) == uids[0], "Check agrees")
    with refused("Check of a use that is not allowed"):
        depth.check(uids[0], Mask.SIGN)


def uses(depth):
    """MAC by every hash, signatures with curves, and modes of encryption, against the same done here."""
    client, text = depth.client, b"sixteen bytes or"
    if not depth.since("1.2"):
        return
    for algorithm, digest in ((Algorithm.HMAC_SHA1, "sha1"), (Algorithm.HMAC_SHA224, "sha224"),
                              (Algorithm.HMAC_SHA256, "sha256"), (Algorithm.HMAC_SHA384, "sha384"),
                              (Algorithm.HMAC_SHA512, "sha512")):
        key = bytes(range(64))
        uid = depth.register(pie.SymmetricKey(algorithm, 512, key, [Mask.MAC_GENERATE, Mask.MAC_VERIFY]))
        client.activate(uid)
        _, code = client.mac(text, uid, algorithm)
        check(code == hmac.new(key, text, digest).digest(), f"MAC by {algorithm.name}")
    key = bytes(range(32))
    uid = depth.register(pie.SymmetricKey(Algorithm.AES, 256, key, [Mask.ENCRYPT, Mask.DECRYPT]))
    client.activate(uid)
    iv = bytes(range(16))
    for mode, here in ((enums.BlockCipherMode.ECB, modes.ECB()), (enums.BlockCipherMode.CBC, modes.CBC(iv)),
                       (enums.BlockCipherMode.CTR, modes.CTR(iv))):
        parameters = {"cryptographic_algorithm": Algorithm.AES, "block_cipher_mode": mode,
                      "padding_method": enums.PaddingMethod.NONE}
        nonce = None if mode is enums.BlockCipherMode.ECB else iv
        sealed, _ = client.encrypt(text, uid, parameters, nonce)
        check(sealed == Cipher(algorithms.AES(key), here).encryptor().update(text), f"AES in {mode.name}")
        check(client.decrypt(sealed, uid, parameters, nonce) == text, "and back")
    curve_signatures(depth, text)


def curve_signatures(depth, text):
    """ECDSA with a key that was brought along."""
    client, key = depth.client, ec.generate_private_key(ec.SECP256R1())
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
    uid = depth.register(pie.PrivateKey(Algorithm.ECDSA, 256, pkcs8, enums.KeyFormatType.PKCS_8, [Mask.SIGN]))
    client.activate(uid)
    parameters = {"cryptographic_algorithm": Algorithm.ECDSA, "hashing_algorithm": Hash.SHA_256}
    if depth.since("1.4"):
        parameters = {"digital_signature_algorithm": enums.DigitalSignatureAlgorithm.ECDSA_WITH_SHA256}
    signature = client.sign(text, uid, parameters)
    key.public_key().verify(signature, text, ec.ECDSA(hashes.SHA256()))
    check(True, "ECDSA over P-256")


def refusals(depth):
    """Each refusal has a reason that the version knows, and a message."""
    client, nobody = depth.client, str(uuid.uuid4())
    absent = depth.reason(Reason.OBJECT_NOT_FOUND, Reason.ITEM_NOT_FOUND)
    for what, attempt in {
        "Get": lambda: client.get(nobody),
        "GetAttributes": lambda: client.get_attributes(nobody, ["State"]),
        "GetAttributeList": lambda: client.get_attribute_list(nobody),
        "Activate": lambda: client.activate(nobody),
        "Revoke": lambda: client.revoke(enums.RevocationReasonCode.UNSPECIFIED, nobody),
        "Destroy": lambda: client.destroy(nobody),
        "Check": lambda: depth.check(nobody, Mask.ENCRYPT),
    }.items():
        with refused(f"{what} of nobody's key", absent):
            attempt()
    uid = client.create(Algorithm.AES, 256, name=depth.name("taken"))
    with refused("a name that is taken",
                 depth.reason(Reason.NON_UNIQUE_NAME_ATTRIBUTE, Reason.INVALID_FIELD)):
        client.create(Algorithm.AES, 256, name=depth.name("taken"))
    client.destroy(uid)
    with refused("Get of a destroyed key", depth.reason(Reason.OBJECT_DESTROYED, Reason.ITEM_NOT_FOUND)):
        client.get(uid)
    seen = depth.value(uid, "State").value
    check(seen == enums.State.DESTROYED, "its attributes are still there", seen)
    several(depth)


def several(depth):
    """One batch with PyKMIP's own messages: the second item uses what the first one made."""
    proxy = depth.client.proxy
    template = objects.TemplateAttribute(attributes=[
        attribute(Kind.CRYPTOGRAPHIC_ALGORITHM, Algorithm.AES), attribute(Kind.CRYPTOGRAPHIC_LENGTH, 256),
        attribute(Kind.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT])])
    items = [
        messages.RequestBatchItem(
            operation=messages.contents.Operation(enums.Operation.CREATE),
            unique_batch_item_id=messages.contents.UniqueBatchItemID(b"1"),
            request_payload=payloads.CreateRequestPayload(enums.ObjectType.SYMMETRIC_KEY, template)),
        messages.RequestBatchItem(
            operation=messages.contents.Operation(enums.Operation.ACTIVATE),
            unique_batch_item_id=messages.contents.UniqueBatchItemID(b"2"),
            request_payload=payloads.ActivateRequestPayload()),
    ]
    answer = proxy._send_and_receive_message(proxy._build_request_message(None, items))
    statuses = [item.result_status.value for item in answer.batch_items]
    check(statuses == [SUCCESS, SUCCESS], "a batch of two, the second on what the first made", statuses)
    made, activated = (item.response_payload.unique_identifier for item in answer.batch_items)
    check(str(getattr(activated, "value", activated)) == str(made), "both answer the same key", made, activated)


CHAPTERS = (creation, key_pairs, brought_along, wrapped, derivation, searches, uses, refusals)


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in VERSIONS:
        print(__doc__, file=sys.stderr)
        return 2
    logging.disable(logging.CRITICAL)
    version = arguments[0]
    host, _, port = os.environ["KEYREEVE_KMIP_ADDR"].rpartition(":")
    with ProxyKmipClient(hostname=host, port=int(port), cert=os.environ["KEYREEVE_CLIENT_CERT"],
                         key=os.environ["KEYREEVE_CLIENT_KEY"], ca=os.environ["KEYREEVE_CA"],
                         ssl_version="PROTOCOL_TLS", kmip_version=VERSIONS[version]) as client:
        for chapter in CHAPTERS:
            print(f"--  KMIP {version}: {chapter.__doc__.splitlines()[0]}")
            try:
                chapter(Depth(client, version))
            except Failed as failed:
                print(f"FAILED in {chapter.__name__}: {failed}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
