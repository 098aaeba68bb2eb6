"""Receivers of notifications: a real SMTP server, and an HTTPS server that checks webhooks by the library of Standard Webhooks and
takes what Slack and PagerDuty take. Prints the port of the latter, then a line of JSON for each message that it took. While the
file `away` is in its folder, the HTTPS server answers 500.

receivers.py FOLDER PORT PORT: mail comes to these ports, to the second one under TLS from the first byte; in the folder are `tls.pem`
and `tls.key` for localhost, and `secret`, the first line of which signs webhooks.
"""

import email
import email.policy
import http.server
import json
import pathlib
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

folder = pathlib.Path(sys.argv[1])
printing = threading.Lock()


def tell(**what):
    with printing:
        print(json.dumps(what), flush=True)


class Letters:
    def __init__(self, under_tls=False):
        self.under_tls = under_tls

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        tell(
            by="mail",
            tls=self.under_tls or session.ssl is not None,
            user=session.auth_data,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            headers=sorted(letter.keys()),
            subject=letter["subject"],
            automatic=letter["auto-submitted"],
            type=letter.get_content_type(),
            text=letter.get_content(),
        )
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"keyreeve", b"correct horse")
    return AuthResult(success=good, handled=False, auth_data=data.login.decode())


class Posts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if (folder / "away").exists():
            return self.answer(500)
        if self.path == "/hook":
            secret = (folder / "secret").read_text().splitlines()[0]
            try:
                Webhook(secret).verify(body, dict(self.headers.items()))
            except WebhookVerificationError as error:
                tell(by="hook", refused=str(error))
                return self.answer(401)
            tell(by="hook", id=self.headers["webhook-id"], body=json.loads(body))
            return self.answer(204)
        if self.path == "/chat":
            tell(by="chat", body=json.loads(body))
            return self.answer(200)
        if self.path == "/v2/enqueue":
            event = json.loads(body)
            good = event["routing_key"] == "R0" * 16 and event["event_action"] == "trigger"
            tell(by="pager", good=good, body=event["payload"], incident=event["dedup_key"])
            return self.answer(202 if good else 400)
        return self.answer(404)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "tls.pem", folder / "tls.key")
    mail = Controller(
        Letters(),
        hostname="127.0.0.1",
        port=int(sys.argv[2]),
        tls_context=tls,
        require_starttls=True,
        authenticator=known,
        auth_required=True,
    )
    sealed_mail = Controller(
        Letters(under_tls=True),
        hostname="127.0.0.1",
        port=int(sys.argv[3]),
        ssl_context=tls,
        authenticator=known,
        auth_required=True,
        auth_require_tls=False,
    )
    posts = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Posts)
    posts.socket = tls.wrap_socket(posts.socket, server_side=True)
    mail.start()
    sealed_mail.start()
    tell(posts=posts.server_port)
    threading.Thread(target=posts.serve_forever, daemon=True).start()
    # Ends with whoever started it.
    sys.stdin.read()
    mail.stop()
    sealed_mail.stop()


main()
