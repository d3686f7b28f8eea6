"""Tests of HTTP/2: used with a host that offers it, with the same time limits."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.faulty_server import FaultyServer, faulty_server
from tests.support.samples import NOON
from tests.support.scrapers import spec
from tipoff_scraper_runner import bounded_transport
from tipoff_scraper_runner.errors import TimedOut
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a server's TLS context that offers HTTP/2; the client trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    trusting = ssl.create_default_context(cafile=str(path))
    monkeypatch.setattr(bounded_transport, "_tls", lambda: trusting)
    offering = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offering.load_cert_chain(path)
    offering.set_alpn_protocols(["h2", "http/1.1"])
    return offering


@contextmanager
def answering(tls: ssl.SSLContext, *, end: bool) -> Iterator[FaultyServer]:
    """Serve a body of four bytes; without `end` the stream never ends."""

    def answer(server: FaultyServer, connection: socket.socket) -> None:
        spoken = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        spoken.initiate_connection()
        connection.sendall(spoken.data_to_send())
        while received := connection.recv(65536):
            for event in spoken.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    server.requests.append(str(event.headers))
                    spoken.send_headers(event.stream_id, [(":status", "200")])
                    spoken.send_data(event.stream_id, b"data", end_stream=end)
            connection.sendall(spoken.data_to_send())

    with faulty_server(answer, tls) as server:
        yield server


def test_http_2_is_used_when_offered(tls: ssl.SSLContext) -> None:
    with answering(tls, end=True) as server, HttpxHttp(spec(), NOON, Pacer()) as http:
        assert http.get(f"{server.url}/data").body == b"data"
        assert http.get(f"{server.url}/more").body == b"data"

    assert len(server.requests) == 2


def test_endless_http_2_stream_times_out(tls: ssl.SSLContext) -> None:
    with (
        answering(tls, end=False) as server,
        HttpxHttp(spec(), NOON, Pacer()) as http,
        pytest.raises(TimedOut),
    ):
        http.get(f"{server.url}/data")
