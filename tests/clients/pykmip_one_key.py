"""One key, every protocol: made over KMIP, used over the command line, its history in one journal.

usage: pykmip_one_key.py

PyKMIP makes an AES key and an RSA pair; `keyreeve` encrypts with both; what it encrypted to the public key is
opened by the private key that PyKMIP gets, outside the server. The server and the identities come from the
environment, as `keyreeve dev` writes it; `keyreeve` and `openssl` must be in the path. Not here: the life of keys
over KMIP alone (pykmip_life.py).
"""

import json
import os
import subprocess
import sys
import tempfile

from kmip.core import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie.client import ProxyKmipClient

Algorithm = enums.CryptographicAlgorithm
Mask = enums.CryptographicUsageMask
TEXT = b"one key, every protocol"


def run(*words, given=None):
    """Output of a program, which must succeed."""
    done = subprocess.run(words, input=given, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words}: exit code {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


def connect():
    """A client of the server of the environment."""
    host, port = os.environ["KEYREEVE_KMIP_ADDR"].rsplit(":", 1)
    return ProxyKmipClient(
        hostname=host,
        port=int(port),
        cert=os.environ["KEYREEVE_CLIENT_CERT"],
        key=os.environ["KEYREEVE_CLIENT_KEY"],
        ca=os.environ["KEYREEVE_CA"],
        ssl_version="PROTOCOL_TLS",
        kmip_version=enums.KMIPVersion.KMIP_1_4,
    )


def symmetric(client):
    """An AES key from KMIP on the command line."""
    mask = [Mask.ENCRYPT, Mask.DECRYPT]
    uid = client.create(Algorithm.AES, 256, name="shared", cryptographic_usage_mask=mask)
    client.activate(uid)
    sealed = run("keyreeve", "encrypt", "shared", "--context", "a=b", given=TEXT)
    opened = run("keyreeve", "decrypt", "shared", "--context", "a=b", given=sealed)
    assert opened == TEXT, opened
    by_id = run("keyreeve", "decrypt", uid, "--context", "a=b", given=sealed)
    assert by_id == TEXT, by_id
    run("keyreeve", "key", "alias", "shared", "also")
    for name in ("shared", "also"):
        wanted = AttributeFactory().create_attribute(enums.AttributeType.NAME, name)
        assert client.locate(attributes=[wanted]) == [uid], name
    client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
    client.destroy(uid)
    entries = json.loads(run("keyreeve", "journal", "show", "--key", "shared", "-o", "json"))
    seen = [(entry["protocol"], entry["action"]) for entry in entries]
    wanted = [
        ("kmip", "create"),
        ("kmip", "activate"),
        ("rest", "encrypt"),
        ("rest", "decrypt"),
        ("rest", "decrypt"),
        ("kmip", "revoke"),
        ("kmip", "destroy"),
    ]
    assert [step for step in seen if step in wanted] == wanted, seen


def pair(client):
    """An RSA pair from KMIP: the server encrypts, openssl opens."""
    public, private = client.create_key_pair(
        Algorithm.RSA,
        2048,
        public_name="public",
        public_usage_mask=[Mask.ENCRYPT],
        private_name="private",
        private_usage_mask=[Mask.DECRYPT],
    )
    client.activate(public)
    client.activate(private)
    sealed = run("keyreeve", "encrypt", public, given=TEXT)
    material = client.get(private)
    form = {enums.KeyFormatType.PKCS_8: "DER", enums.KeyFormatType.PKCS_1: "DER"}[material.key_format_type]
    with tempfile.NamedTemporaryFile() as file:
        file.write(material.value)
        file.flush()
        oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"]
        opened = run("openssl", "pkeyutl", "-decrypt", "-inkey", file.name, "-keyform", form, *oaep, given=sealed)
    assert opened == TEXT, opened


with connect() as connection:
    symmetric(connection)
    pair(connection)
print("one key, every protocol")
