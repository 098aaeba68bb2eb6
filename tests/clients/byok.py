"""Bring your own key: what other software wraps comes in, and what goes out other software reads.

usage: byok.py

Keys made by the `cryptography` package are wrapped under the server's wrapping key as PKCS#11's CKM_RSA_AES_KEY_WRAP and
as RSA-OAEP are, imported over REST, used there, and checked outside; and the other way round. Address, CA and token
come from the environment, as `keyreeve dev` writes it. Not here: what the server refuses (tests of the crates).
"""

import base64
import os

import requests
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
SHA256 = ec.ECDSA(hashes.SHA256())

session = requests.Session()
# Or else REQUESTS_CA_BUNDLE would come before what is said here.
session.trust_env = False
session.verify = os.environ["KEYREEVE_CA"]
session.headers["Authorization"] = "Bearer " + os.environ["KEYREEVE_TOKEN"]


def b64(data):
    return base64.b64encode(data).decode()


def ask(method, path, body=None, raw=False):
    """The answer to a request that must succeed."""
    answer = session.request(method, os.environ["KEYREEVE_ADDR"] + path, json=body)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.content if raw else answer.json()


def wrapped(secret):
    """What is wrapped under the server's wrapping key, by AES key wrap under a fresh key."""
    info = ask("GET", "/v1/wrapping-key")
    public = serialization.load_pem_public_key(info["public_key"].encode())
    fresh = os.urandom(32)
    data = public.encrypt(fresh, OAEP) + keywrap.aes_key_wrap_with_padding(fresh, secret)
    return {"data": b64(data), "wrapped_with": info["name"], "wrap_algorithm": "rsa-aes-kwp-sha256"}


def a_private_key_comes_in():
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ask("POST", "/v1/keys", {"name": "signer", "material": {"format": "pkcs8", **wrapped(der)}})
    signature = ask("POST", "/v1/keys/signer/sign", {"data": b64(b"message")})["signature"]
    key.public_key().verify(base64.b64decode(signature), b"message", SHA256)
    public = serialization.load_pem_public_key(ask("GET", "/v1/keys/signer/public", raw=True))
    assert public.public_numbers() == key.public_key().public_numbers()


def a_long_private_key_comes_in():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    ask("POST", "/v1/keys", {"name": "rsa", "material": {"format": "pkcs1", **wrapped(der)}})
    sealed = key.public_key().encrypt(b"hello", OAEP)
    opened = ask("POST", "/v1/keys/rsa/decrypt", {"ciphertext": b64(sealed)})["plaintext"]
    assert base64.b64decode(opened) == b"hello"


def a_secret_comes_in_and_unwraps():
    secret = os.urandom(32)
    material = {"format": "raw", **wrapped(secret)}
    ask("POST", "/v1/keys", {"name": "transport", "algorithm": "aes-256", "material": material})
    other = os.urandom(16)
    body = {"wrapped": b64(keywrap.aes_key_wrap(secret, other)), "algorithm": "aes-kw"}
    assert base64.b64decode(ask("POST", "/v1/keys/transport/unwrap", body)["plaintext"]) == other
    ask("POST", "/v1/keys", {"name": "leaves", "algorithm": "aes-256", "exportable": True})
    exported = ask("POST", "/v1/keys/leaves/export", {"wrap_with": "transport"})
    plain = keywrap.aes_key_unwrap_with_padding(secret, base64.b64decode(exported["wrapped"]))
    assert len(plain) == 32
    AESGCM(plain)


def keys_go_out_wrapped_for_others():
    mine = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    pem = mine.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    material = {"format": "pem", "data": pem.decode()}
    ask("POST", "/v1/keys", {"name": "theirs", "material": material})
    ask("POST", "/v1/keys", {"name": "pair", "algorithm": "ec-p384", "exportable": True})
    body = {"format": "pkcs8", "wrap_with": "theirs", "wrap_algorithm": "rsa-aes-kwp-sha256"}
    data = base64.b64decode(ask("POST", "/v1/keys/pair/export", body)["wrapped"])
    fresh = mine.decrypt(data[:384], OAEP)
    der = keywrap.aes_key_unwrap_with_padding(fresh, data[384:])
    private = serialization.load_der_private_key(der, password=None)
    public = serialization.load_pem_public_key(ask("GET", "/v1/keys/pair/public", raw=True))
    assert private.public_key().public_numbers() == public.public_numbers()


for check in [
    a_private_key_comes_in,
    a_long_private_key_comes_in,
    a_secret_comes_in_and_unwraps,
    keys_go_out_wrapped_for_others,
]:
    check()
    print("ok", check.__name__, flush=True)
