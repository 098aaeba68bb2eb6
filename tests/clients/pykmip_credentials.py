"""Who asks, as PyKMIP's client says it in the header of every request: a user's name and a token for the password.

usage: pykmip_credentials.py

The server's configuration says kmip.credentials = "check"; it and the administrator's identity come from the environment.
`keyreeve` must be in the path: it makes the tokens and revokes one. PyKMIP is unmodified. Each check prints a line; the
first that fails ends the run with exit code 1. Not here: tickets, which PyKMIP does not have.
"""

import json
import os
import subprocess
import sys

from checks import Failed, check, refused
from kmip.core import enums
from kmip.pie.client import ProxyKmipClient

Reason = enums.ResultReason
USAGE = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]


def keyreeve(*words):
    """What the command line tells, as the administrator."""
    done = subprocess.run(("keyreeve", *words, "-o", "json"), capture_output=True, check=True)
    return json.loads(done.stdout)


def client(version, username=None, password=None):
    """A client on a connection of the administrator."""
    host, port = os.environ["KEYREEVE_KMIP_ADDR"].rsplit(":", 1)
    return ProxyKmipClient(
        hostname=host,
        port=int(port),
        cert=os.environ["KEYREEVE_CLIENT_CERT"],
        key=os.environ["KEYREEVE_CLIENT_KEY"],
        ca=os.environ["KEYREEVE_CA"],
        ssl_version="PROTOCOL_TLS",
        username=username,
        password=password,
        kmip_version=version,
    )


def main():
    fred = keyreeve("token", "create", "fred", "--role", "user")
    barney = keyreeve("token", "create", "barney", "--role", "user")
    keys = {}
    for version in (enums.KMIPVersion.KMIP_1_0, enums.KMIPVersion.KMIP_1_4, enums.KMIPVersion.KMIP_2_0):
        with client(version, "fred", fred["token"]) as one:
            keys[version] = one.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=USAGE)
            check(len(one.get(keys[version]).value) == 32, f"{version.name}: who made it gets it")
        with client(version, "barney", barney["token"]) as other, refused("what is another user's"):
            other.get(keys[version])
        for name, password in (("fred", "password1"), ("fred", barney["token"]), ("nobody", fred["token"])):
            with client(version, name, password) as stranger:
                with refused(f"{name} with what is no token of theirs"):
                    stranger.get(keys[version])
        with client(version) as administrator:
            check(administrator.get(keys[version]) is not None, "without a credential the connection says who asks")
    version, key = enums.KMIPVersion.KMIP_1_4, keys[enums.KMIPVersion.KMIP_1_4]
    with client(version, "fred", fred["token"]) as one:
        one.get(key)
        keyreeve("token", "revoke", fred["id"])
        with refused("a token that was revoked, on a connection that is open", Reason.AUTHENTICATION_NOT_SUCCESSFUL):
            one.get(key)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
