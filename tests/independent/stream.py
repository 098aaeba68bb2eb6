#!/usr/bin/env python3
"""The stream format by docs/envelope.md alone, with Python's `cryptography`, sharing no code with the server.

    stream.py open DATA_KEY_HEX FILE   prints the plaintext of a stream
    stream.py example                  prints header and chunk that the crate's test expects
"""

import hashlib
import hmac
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 65536


def stream_key(header, data_key):
    extracted = hmac.new(b"keyreeve stream", data_key, hashlib.sha256).digest()
    return hmac.new(extracted, hashlib.sha256(header).digest() + b"\x01", hashlib.sha256).digest()


def nonce(number, last):
    return bytes(7) + number.to_bytes(4, "big") + bytes([last])


def open_(data_key, stream):
    assert stream[:6] == b"KRVS\x01\x01", "magic, version or suite"
    begin = 12 + int.from_bytes(stream[10:12], "big")
    cipher = AESGCM(stream_key(stream[:begin], data_key))
    chunks = [stream[at:at + CHUNK + 16] for at in range(begin, len(stream), CHUNK + 16)]
    assert chunks, "no chunk"
    last = len(chunks) - 1
    return b"".join(cipher.decrypt(nonce(at, at == last), chunk, b"") for at, chunk in enumerate(chunks))


def example():
    header = b"KRVS\x01\x01" + (1).to_bytes(4, "big") + (7).to_bytes(2, "big") + b"wrapped"
    chunk = AESGCM(stream_key(header, bytes([7] * 32))).encrypt(nonce(0, True), b"keyreeve", b"")
    print(header.hex())
    print(chunk.hex())


if __name__ == "__main__":
    if sys.argv[1] == "example":
        example()
    else:
        with open(sys.argv[3], "rb") as file:
            sys.stdout.buffer.write(open_(bytes.fromhex(sys.argv[2]), file.read()))
