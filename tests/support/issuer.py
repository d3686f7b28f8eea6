"""An issuer of tokens with keys of its own, which publishes its certificates over HTTP as Google does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

ISSUER = "https://accounts.google.com"


@dataclass(frozen=True)
class Key:
    """A signing key and its self-signed certificate."""

    signer: Any
    certificate: str


@cache
def key(name: str) -> Key:
    """Return the key of this name; creating a key takes a while, so each is created once a test run."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Key(
        crypt.RSASigner.from_string(pem.decode(), name), certificate.public_bytes(Encoding.PEM).decode()
    )


@dataclass
class Issuer:
    """A token issuer that publishes its certificates."""

    published: list[str] = field(default_factory=lambda: ["first"])
    """Names of the keys whose certificates it publishes."""
    broken: bool = False
    """Whether it answers 500."""
    key_requests: int = 0
    """The number of requests."""
    url: str = ""

    def token(self, *, signed_with: str = "first", **claims: object) -> str:
        """Return a token as Pub/Sub sends it, valid for an hour; a claim that is None is left out."""
        now = int(datetime.now(UTC).timestamp())
        sample = {
            "iss": ISSUER,
            "aud": "https://runner.example",
            "email": "push@p.iam.gserviceaccount.com",
            "email_verified": True,
            "sub": "1",
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        payload = {name: value for name, value in sample.items() if value is not None}
        return bytes(jwt.encode(key(signed_with).signer, payload)).decode()


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()

    class Certificates(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class's name
            issuer.key_requests += 1
            body = json.dumps({name: key(name).certificate for name in issuer.published}).encode()
            self.send_response(500 if issuer.broken else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
            """Suppress the log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Certificates) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/oauth2/v1/certs"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
