"""A mail server that prints each mail as Python's email package parses it.

    mail_server.py plain|starttls|tls|login [CERTIFICATE KEY]

`login` accepts mails from the user "me" with the password "secret".
"""

import asyncio
import email
import email.policy
import itertools
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

STYLE = sys.argv[1]


NUMBERS = itertools.count(1)


class Printer:
    """Prints JSON lines."""

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        seen = {
            "number": next(NUMBERS),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in mail.items()},
            "header_count": len(mail.items()),
            "subject": mail["subject"],
            "body": mail.get_content(),
            "defects": [str(defect) for defect in mail.defects],
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
        }
        print(json.dumps(seen))
        return "250 taken"


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(sys.argv[2], sys.argv[3])
    return made


def authenticate(server, session, envelope, mechanism, data):
    known = (data.login, data.password) == (b"me", b"secret")
    return AuthResult(success=known, handled=False)


def session():
    if STYLE == "login":
        return SMTP(
            Printer(),
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
        )
    if STYLE == "starttls":
        return SMTP(Printer(), tls_context=context(), require_starttls=True)
    return SMTP(Printer())


async def main():
    loop = asyncio.get_running_loop()
    outer = context() if STYLE == "tls" else None
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=outer)
    scheme = "smtps" if STYLE == "tls" else "smtp"
    host, port = server.sockets[0].getsockname()
    print(f"bound {scheme}://{host}:{port}", file=sys.stderr)
    # Serve until the test ends stdin.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
