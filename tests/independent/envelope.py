#!/usr/bin/env python3
"""Data envelopes by docs/envelope.md alone, with Python's `cryptography`, sharing no code with the server.

    envelope.py check FILE   opens every vector of the file, seals it again and compares; exit code 1 on a difference
    envelope.py make         prints the vectors
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def derive(key, header, context_hash):
    fixed = b"keyreeve data envelope" + b"\0" + header[:58] + context_hash + (512).to_bytes(4, "big")
    extracted = hmac.new(b"keyreeve data envelope", key, hashlib.sha256).digest()
    blocks = [hmac.new(extracted, i.to_bytes(4, "big") + fixed, hashlib.sha256).digest() for i in (1, 2)]
    return blocks[0], blocks[1]


def seal(key, key_id, version, salt, iv, context, plaintext):
    header = b"KRVE\x01\x01" + key_id + version.to_bytes(4, "big") + salt + iv
    context_hash = hashlib.sha256(context).digest()
    message_key, commitment = derive(key, header, context_hash)
    header += commitment
    return header + AESGCM(message_key).encrypt(iv, plaintext, header + context_hash)


def open_(key, context, envelope):
    header, body = envelope[:102], envelope[102:]
    assert header[:6] == b"KRVE\x01\x01", "magic, version or suite"
    context_hash = hashlib.sha256(context).digest()
    message_key, commitment = derive(key, header, context_hash)
    assert hmac.compare_digest(commitment, header[70:]), "commitment"
    return AESGCM(message_key).decrypt(header[58:70], body, header + context_hash)


def pattern(label, length):
    """Bytes that look random and that anybody can make again."""
    return hashlib.shake_128(label.encode()).digest(length)


def make():
    vectors = []
    for name, key_bytes, version, context, plaintext in [
        ("AES-256, no context", 32, 1, b"", b"attack at dawn"),
        ("AES-256, context, later version", 32, 7, b"\x01app\x00billing", b"attack at dawn"),
        ("AES-192", 24, 1, b"context", pattern("text", 100)),
        ("AES-128", 16, 1, b"context", pattern("text", 64)),
        ("empty plaintext", 32, 0xFFFFFFFF, b"", b""),
    ]:
        key, key_id = pattern(name + " key", key_bytes), pattern(name + " id", 16)
        salt, iv = pattern(name + " salt", 32), pattern(name + " iv", 12)
        fields = {"key": key, "key_id": key_id, "salt": salt, "iv": iv, "context": context, "plaintext": plaintext}
        vector = {"name": name, "version": version} | {field: value.hex() for field, value in fields.items()}
        vector["envelope"] = seal(key, key_id, version, salt, iv, context, plaintext).hex()
        vectors.append(vector)
    return vectors


def check(vectors):
    for vector in vectors:
        get = lambda field: bytes.fromhex(vector[field])
        assert open_(get("key"), get("context"), get("envelope")) == get("plaintext"), vector["name"]
        again = seal(get("key"), get("key_id"), vector["version"], get("salt"), get("iv"), get("context"), get("plaintext"))
        assert again == get("envelope"), vector["name"]
    print(f"{len(vectors)} envelopes agree")


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        json.dump(make(), sys.stdout, indent=2)
        print()
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        with open(sys.argv[2]) as file:
            check(json.load(file))
    else:
        sys.exit(__doc__)
