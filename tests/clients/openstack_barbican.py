"""OpenStack Barbican's KMIP secret store plugin, unmodified: every kind of secret goes in, comes back and goes.

usage: openstack_barbican.py

The plugin speaks through PyKMIP as 1.2 over TLS 1.2, with a connection for each call. The server and the client's
identity come from the environment, as `keyreeve dev` writes it. Not here: the rest of Barbican.
"""

import base64
import datetime
import logging
import os
import shutil
import sys
import tempfile

# Barbican reads the command line of whoever imports it.
sys.argv = sys.argv[:1]

from barbican.plugin import kmip_secret_store
from barbican.plugin.interface import secret_store as ss
from checks import Failed, check
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

HOST, PORT = os.environ["KEYREEVE_KMIP_ADDR"].rsplit(":", 1)
AES = ss.KeySpec(ss.KeyAlgorithm.AES, 256)


def plugin(folder):
    """The plugin with its options set; it wants a key file that only its owner may read."""
    key = os.path.join(folder, "client.key")
    shutil.copyfile(os.environ["KEYREEVE_CLIENT_KEY"], key)
    os.chmod(key, 0o400)
    options = {"host": HOST, "port": int(PORT), "ca_certs": os.environ["KEYREEVE_CA"],
               "certfile": os.environ["KEYREEVE_CLIENT_CERT"], "keyfile": key}
    for name, value in options.items():
        kmip_secret_store.CONF.set_override(name, value, group="kmip_plugin")
    return kmip_secret_store.KMIPSecretStore(kmip_secret_store.CONF)


def pem(private):
    """A private key and its public key, as Barbican holds them."""
    encoded = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
    public = private.public_key().public_bytes(serialization.Encoding.PEM,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded, public


def certificate(private):
    """A certificate of that key, signed by itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "barbican")])
    start = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    made = made.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9999))
    return made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def stored(store, kind, secret, spec):
    """Stores a secret, gets it back and deletes it, after which it is gone."""
    secret = base64.b64encode(secret)
    metadata = store.store_secret(ss.SecretDTO(kind, secret, spec, "application/octet-stream"))
    again = store.get_secret(kind, metadata)
    what = f"{kind} {spec.alg or ''} {spec.bit_length or ''}".strip()
    check(again.secret == secret, f"comes back as it was stored: {what}", again.secret, secret)
    if spec.alg:
        seen = again.key_spec
        check((seen.alg, seen.bit_length) == (spec.alg, spec.bit_length), f"so do algorithm and length: {what}",
              seen.alg, seen.bit_length)
    gone(store, kind, metadata, what)


def gone(store, kind, metadata, what):
    store.delete_secret(metadata)
    try:
        store.get_secret(kind, metadata)
    except ss.SecretGeneralException:
        check(True, f"is gone once it is deleted: {what}")
    else:
        raise Failed(f"is still there: {what}")


def secrets(store):
    """What users bring along."""
    stored(store, ss.SecretType.SYMMETRIC, bytes(range(32)), AES)
    stored(store, ss.SecretType.SYMMETRIC, bytes(range(16)), ss.KeySpec(ss.KeyAlgorithm.AES, 128))
    stored(store, ss.SecretType.SYMMETRIC, bytes(range(24)), ss.KeySpec(ss.KeyAlgorithm.DESEDE, 192))
    stored(store, ss.SecretType.SYMMETRIC, bytes(range(64)), ss.KeySpec(ss.KeyAlgorithm.HMACSHA512, 512))
    stored(store, ss.SecretType.PASSPHRASE, b"correct horse battery staple", ss.KeySpec())
    stored(store, ss.SecretType.OPAQUE, b"\x00\x01 anything", ss.KeySpec())
    key = rsa.generate_private_key(65537, 2048)
    private, public = pem(key)
    spec = ss.KeySpec(ss.KeyAlgorithm.RSA, 2048)
    stored(store, ss.SecretType.PRIVATE, private, spec)
    stored(store, ss.SecretType.PUBLIC, public, spec)
    stored(store, ss.SecretType.CERTIFICATE, certificate(key), ss.KeySpec())
    private, public = pem(dsa.generate_private_key(2048))
    spec = ss.KeySpec(ss.KeyAlgorithm.DSA, 2048)
    stored(store, ss.SecretType.PRIVATE, private, spec)
    stored(store, ss.SecretType.PUBLIC, public, spec)


def generated(store):
    """What the server makes."""
    metadata = store.generate_symmetric_key(AES)
    key = store.get_secret(ss.SecretType.SYMMETRIC, metadata)
    check(len(base64.b64decode(key.secret)) == 32, "an AES key is made and read")
    gone(store, ss.SecretType.SYMMETRIC, metadata, "made AES key")
    pair = store.generate_asymmetric_key(ss.KeySpec(ss.KeyAlgorithm.RSA, 2048))
    private = store.get_secret(ss.SecretType.PRIVATE, pair.private_key_meta)
    public = store.get_secret(ss.SecretType.PUBLIC, pair.public_key_meta)
    private = serialization.load_pem_private_key(base64.b64decode(private.secret), None)
    public = serialization.load_pem_public_key(base64.b64decode(public.secret))
    check(private.public_key().public_numbers() == public.public_numbers(), "an RSA pair is made and read")
    gone(store, ss.SecretType.PRIVATE, pair.private_key_meta, "made private key")
    gone(store, ss.SecretType.PUBLIC, pair.public_key_meta, "made public key")


def main():
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        store = plugin(folder)
        for chapter in (secrets, generated):
            print(f"--  {chapter.__doc__}")
            try:
                chapter(store)
            except Failed as failed:
                print(f"FAILED in {chapter.__name__}: {failed}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
