"""HPKE (RFC 9180) by the `cryptography` package, which shares no code with Keyreeve's.

Reads one JSON object a line: `name`, `private` (PKCS#8), `public` (SubjectPublicKeyInfo), `info`, `plaintext`, `sealed`, all
but the name in hex. Opens `sealed` with the private key, fails where that does not give `plaintext`, seals it again to the
public key, and answers with that in hex, a line each.
"""

import json
import sys

from cryptography.hazmat.primitives import hpke, serialization

SUITES = {
    "x25519": (hpke.KEM.X25519, hpke.KDF.HKDF_SHA256),
    "ec-p256": (hpke.KEM.P256, hpke.KDF.HKDF_SHA256),
    "ec-p384": (hpke.KEM.P384, hpke.KDF.HKDF_SHA384),
    "ec-p521": (hpke.KEM.P521, hpke.KDF.HKDF_SHA512),
    "ml-kem-768": (hpke.KEM.MLKEM768, hpke.KDF.HKDF_SHA256),
    "ml-kem-1024": (hpke.KEM.MLKEM1024, hpke.KDF.HKDF_SHA384),
}

for line in sys.stdin:
    case = json.loads(line)
    get = lambda field: bytes.fromhex(case[field])
    suite = hpke.Suite(*SUITES[case["name"]], hpke.AEAD.AES_256_GCM)
    public = serialization.load_der_public_key(get("public"))
    if case["private"]:
        private = serialization.load_der_private_key(get("private"), None)
        opened = suite.decrypt(get("sealed"), private, get("info"))
        assert opened == get("plaintext"), case["name"]
    print(suite.encrypt(get("plaintext"), public, get("info")).hex(), flush=True)
