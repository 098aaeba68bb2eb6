"""MongoDB's client-side field-level encryption, with its library pymongocrypt unmodified and no MongoDB server.

usage: mongodb.py

libmongocrypt writes and reads every KMIP message itself; a driver only carries the bytes over TLS, which the class
Driver does here as PyMongo does it, with a connection for each message. The key vault is a list. The server and the
client's identity come from the environment, as `keyreeve dev` writes it. Not here: queries, and any other provider.
"""

import os
import socket
import ssl
import sys

import bson
from bson.binary import STANDARD
from bson.codec_options import CodecOptions
from checks import Failed, check
from kmip.core import enums
from kmip.pie.client import ProxyKmipClient
from pymongocrypt.errors import MongoCryptError
from pymongocrypt.options import MongoCryptOptions
from pymongocrypt.synchronous.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.synchronous.state_machine import MongoCryptCallback

ENDPOINT = os.environ["KEYREEVE_KMIP_ADDR"]
OPTIONS = CodecOptions(uuid_representation=STANDARD)
DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"


class Driver(MongoCryptCallback):
    """What a driver does for libmongocrypt."""

    def __init__(self):
        self.vault = []
        self.messages = 0
        self.resumed = 0
        self.session = None
        self.context = ssl.create_default_context(cafile=os.environ["KEYREEVE_CA"])
        self.context.load_cert_chain(os.environ["KEYREEVE_CLIENT_CERT"], os.environ["KEYREEVE_CLIENT_KEY"])

    def kms_request(self, kms_context):
        check(kms_context.endpoint == ENDPOINT, "the message is for this server", kms_context.endpoint)
        host, port = ENDPOINT.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            with self.context.wrap_socket(plain, server_hostname=host, session=self.session) as stream:
                self.resumed += stream.session_reused
                stream.sendall(kms_context.message)
                while (needed := kms_context.bytes_needed) > 0:
                    received = stream.recv(needed)
                    if not received:
                        raise Failed("the server closed the connection within a message")
                    kms_context.feed(received)
                self.session = stream.session
        self.messages += 1

    def collection_info(self, database, filter):
        raise NotImplementedError

    def mark_command(self, database, cmd):
        raise NotImplementedError

    def fetch_keys(self, filter):
        return iter(self.vault)

    def insert_data_key(self, data_key):
        self.vault.append(data_key)
        return bson.decode(data_key, OPTIONS)["_id"]

    def bson_encode(self, doc):
        return bson.encode(doc)

    def close(self):
        pass


def encrypter(driver):
    """With nothing remembered of what another one did."""
    return ExplicitEncrypter(driver, MongoCryptOptions({"kmip": {"endpoint": ENDPOINT}}))


def round_trip(driver, data_key):
    """A field is encrypted by one client and decrypted by another, each of which asks for the key anew."""
    value = {"v": "457-55-5462"}
    writer, reader = encrypter(driver), encrypter(driver)
    before = driver.messages
    sealed = writer.encrypt(bson.encode(value), DETERMINISTIC, key_id=data_key.bytes)
    check(driver.messages == before + 1, "the data key is fetched over KMIP", driver.messages - before)
    check(b"457-55" not in sealed, "the field is ciphertext")
    check(bson.decode(reader.decrypt(sealed)) == value, "another client decrypts the field")
    check(driver.messages == before + 2, "which fetched the data key, too", driver.messages - before)


def master_key(driver):
    """The key encryption key that wrapped the latest data key."""
    return bson.decode(driver.vault[-1], OPTIONS)["masterKey"]


def secret_data(driver, client):
    """The key is a secret of 96 bytes, which the library registers, activates and gets: Register, Activate, Get."""
    data_key = encrypter(driver).create_data_key("kmip", key_alt_names=["by-name"])
    master = master_key(driver)
    check(driver.messages == 3, "Register, Activate and Get", driver.messages)
    check(not master.get("delegated"), "the secret leaves the server", master)
    answered, found = client.get_attributes(master["keyId"], ["Object Type", "State"])
    found = {attribute.attribute_name.value: attribute.attribute_value.value for attribute in found}
    check(found["State"] == enums.State.ACTIVE, "the library activated it", found)
    check(found["Object Type"] == enums.ObjectType.SECRET_DATA, "it is Secret Data", found)
    check(len(client.get(master["keyId"]).value) == 96, "of 96 bytes")
    round_trip(driver, data_key)
    before = driver.messages
    encrypter(driver).create_data_key("kmip", {"keyId": master["keyId"]})
    check(driver.messages == before + 1, "a second data key under the same secret costs one Get")
    check(driver.resumed > 0, "TLS sessions are resumed", driver.resumed)


def delegated(driver, client):
    """The key stays on the server, which encrypts and decrypts data keys: Create, Activate, Encrypt, Decrypt."""
    driver.vault.clear()
    before = driver.messages
    data_key = encrypter(driver).create_data_key("kmip", {"delegated": True})
    master = master_key(driver)
    check(driver.messages == before + 3, "Create, Activate and Encrypt", driver.messages - before)
    check(master["delegated"] is True, "the key stays on the server", master)
    answered, found = client.get_attributes(master["keyId"], ["Cryptographic Algorithm", "State"])
    found = {attribute.attribute_name.value: attribute.attribute_value.value for attribute in found}
    check(found["Cryptographic Algorithm"] == enums.CryptographicAlgorithm.AES, "it is an AES key", found)
    check(found["State"] == enums.State.ACTIVE, "the library activated it", found)
    round_trip(driver, data_key)
    before = driver.messages
    encrypter(driver).create_data_key("kmip", {"delegated": True, "keyId": master["keyId"]})
    check(driver.messages == before + 1, "a second data key under the same key costs one Encrypt")
    other = encrypter(driver).create_data_key("kmip", {"delegated": True})
    check(master_key(driver)["keyId"] != master["keyId"] and other != data_key, "another data key gets another key")


def refusals(driver, client):
    """What the library makes of a refusal: a key that is not there, and one that was revoked."""
    revoked = master_key(driver)["keyId"]
    client.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, revoked)
    for what, wanted in (("a key that is not there", {"keyId": "00000000-0000-0000-0000-000000000000"}),
                         ("a compromised key", {"delegated": True, "keyId": revoked})):
        try:
            encrypter(driver).create_data_key("kmip", wanted)
        except MongoCryptError as failure:
            check("Result Reason" in str(failure), f"refused: {what}", str(failure))
        else:
            raise Failed(f"not refused: {what}")


def main():
    host, port = ENDPOINT.rsplit(":", 1)
    driver = Driver()
    with ProxyKmipClient(hostname=host, port=int(port), cert=os.environ["KEYREEVE_CLIENT_CERT"],
                         key=os.environ["KEYREEVE_CLIENT_KEY"], ca=os.environ["KEYREEVE_CA"],
                         ssl_version="PROTOCOL_TLS") as client:
        for chapter in (secret_data, delegated, refusals):
            print(f"--  {chapter.__doc__}")
            try:
                chapter(driver, client)
            except Failed as failed:
                print(f"FAILED in {chapter.__name__}: {failed}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
