"""OpenStack Swift's encryption with the root secret in KMIP: its KMIP key master, unmodified.

usage: openstack_swift.py

The middleware reads its own configuration file, gets two root secrets when it starts, and derives from them the keys
of an account's containers and objects. The server and the client's identity come from the environment, as
`keyreeve dev` writes it. Not here: the rest of Swift.
"""

import hashlib
import hmac
import os
import sys
import tempfile

from checks import Failed, check
from kmip.core import enums
from kmip.pie.client import ProxyKmipClient
from swift.common.middleware.crypto.crypto_utils import CRYPTO_KEY_CALLBACK
from swift.common.middleware.crypto.kmip_keymaster import filter_factory
from swift.common.swob import Request

HOST, PORT = os.environ["KEYREEVE_KMIP_ADDR"].rsplit(":", 1)
FILE = """[kmip_keymaster]
key_id = {first}
key_id_next = {second}
active_root_secret_id = next
host = {host}
port = {port}
certfile = {certificate}
keyfile = {key}
ca_certs = {ca}
"""


def root_secret(client, bits=256):
    """An AES key, made and activated as an operator does it beforehand."""
    key = client.create(enums.CryptographicAlgorithm.AES, bits)
    client.activate(key)
    return key


def start(folder, first, second):
    """The middleware as a proxy server's pipeline starts it."""
    path = os.path.join(folder, "keymaster.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(FILE.format(first=first, second=second, host=HOST, port=PORT, ca=os.environ["KEYREEVE_CA"],
                               certificate=os.environ["KEYREEVE_CLIENT_CERT"],
                               key=os.environ["KEYREEVE_CLIENT_KEY"]))
    return filter_factory({}, keymaster_config_path=path, log_level="CRITICAL")


def keys(middleware, path):
    """What the middleware gives to Swift's encryption for a request."""
    given = {}

    def application(environ, start_response):
        given.update(environ[CRYPTO_KEY_CALLBACK]())
        start_response("200 OK", [])
        return [b""]

    Request.blank(path, environ={"REQUEST_METHOD": "PUT"}).get_response(middleware(application))
    return given


def run(folder):
    with ProxyKmipClient(hostname=HOST, port=int(PORT), cert=os.environ["KEYREEVE_CLIENT_CERT"],
                         key=os.environ["KEYREEVE_CLIENT_KEY"], ca=os.environ["KEYREEVE_CA"],
                         ssl_version="PROTOCOL_TLS") as client:
        first, second, short = root_secret(client), root_secret(client), root_secret(client, 128)
        secret = client.get(second).value
        old = client.get(first).value
    path = "/v1/account/container/object"
    given = keys(start(folder, first, second), path)
    for what, part in (("object", "/account/container/object"), ("container", "/account/container")):
        wanted = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        check(given[what] == wanted, f"the key of the {what} comes from the root secret in KMIP")
    check(len(given["all_ids"]) == 2, "both root secrets are there", given["all_ids"])
    given = keys(start(folder, second, first), path)
    wanted = hmac.new(old, b"/account/container/object", hashlib.sha256).digest()
    check(given["object"] == wanted, "the other secret becomes the active one")
    try:
        start(folder, short, second)(None)
    except ValueError as failure:
        check("AES-256" in str(failure), "a key of 128 bits is told apart by what Get says of it", failure)
    else:
        raise Failed("the middleware took a key of 128 bits")


def main():
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(folder)
        except Failed as failed:
            print(f"FAILED: {failed}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
