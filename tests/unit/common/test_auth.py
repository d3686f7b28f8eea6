"""Tests of authentication, with tokens of a local issuer that publishes its certificates as Google does."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.issuer import Issuer, key, running_issuer
from tests.support.pushes import KEY, local_settings
from tipoff_common.auth import Authentication, Caller, GoogleTokens, InvalidToken, WrongAudience
from tipoff_common.ports import Unavailable
from tipoff_common.settings import ServiceSettings

AUDIENCE = "https://runner.example"
DOMAIN = "https://tipoff.example.com"
PUSHER = "push@p.iam.gserviceaccount.com"
SCHEDULER = "scheduler@p.iam.gserviceaccount.com"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alg", "kid", "iat", "exp", "iss", "aud"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tipoff_common.auth.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def tokens(issuer: Issuer) -> GoogleTokens:
    return GoogleTokens((AUDIENCE, DOMAIN), issuer.url)


@pytest.fixture
def production(tokens: GoogleTokens) -> Authentication:
    return deployed(tokens)


@pytest.fixture
def behind_cloud_run(issuer: Issuer) -> Authentication:
    """Authenticate requests whose signature Cloud Run has verified and removed."""
    return deployed(GoogleTokens((AUDIENCE, DOMAIN), issuer.url, cloud_run_checks=True))


def deployed(tokens: GoogleTokens) -> Authentication:
    settings = ServiceSettings.model_validate(
        {
            "environment": "prod",
            "project": "p",
            "data_bucket": "data",
            "state_bucket": "state",
            "audience": AUDIENCE,
            "push_service_account": PUSHER,
            "invokers": ["ann@example.com"],
            "scheduler_service_account": SCHEDULER,
        }
    )
    return Authentication(settings, tokens)


def request(authorization: str | None = None, query: str = "") -> Request:
    headers = [(b"authorization", authorization.encode())] if authorization is not None else []
    return Request({"type": "http", "headers": headers, "query_string": query.encode()})


def refused(authentication: Authentication, request: Request, how: str = "push") -> int:
    with pytest.raises(HTTPException) as error:
        getattr(authentication, how)(request)
    return error.value.status_code


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return b".".join([*parts, b""]).decode()


def without_signature(token: str) -> str:
    """Return the token as Cloud Run forwards it."""
    return f"{token.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


class TestPush:
    def test_push_account_is_accepted(self, production: Authentication, issuer: Issuer) -> None:
        assert production.push(request(f"Bearer {issuer.token()}")) == Caller(PUSHER)

    def test_bearer_scheme_is_case_insensitive(self, production: Authentication, issuer: Issuer) -> None:
        assert production.push(request(f"bearer {issuer.token()}")) == Caller(PUSHER)

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "https://other.example"},
            {"email": "somebody@p.iam.gserviceaccount.com"},
            {"email": "ann@example.com"},
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "false"},
            {"email_verified": "true"},
            {"email_verified": 1},
            {"email": None},
        ],
        ids=str,
    )
    def test_genuine_token_with_wrong_audience_or_email_is_forbidden(
        self, production: Authentication, issuer: Issuer, claims: dict[str, Any]
    ) -> None:
        assert refused(production, request(f"Bearer {issuer.token(**claims)}")) == 403

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": int(time.time()) - 60},
            {"iat": int(time.time()) + 600, "exp": int(time.time()) + 4200},
            {"iss": "https://issuer.example"},
            {"iss": None},
            {"exp": None},
        ],
        ids=["expired", "from-the-future", "wrong-issuer", "no-issuer", "endless"],
    )
    def test_token_with_invalid_times_or_issuer_is_unauthorized(
        self, production: Authentication, issuer: Issuer, claims: dict[str, Any]
    ) -> None:
        assert refused(production, request(f"Bearer {issuer.token(**claims)}")) == 401

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS512"])
    def test_an_unsigned_token_is_unauthorized(
        self, production: Authentication, issuer: Issuer, algorithm: str
    ) -> None:
        token = unsigned({"alg": algorithm, "typ": "JWT", "kid": "first"}, claims_of(issuer.token()))
        assert refused(production, request(f"Bearer {token}")) == 401

    def test_forged_signature_with_known_key_id_is_unauthorized(
        self, production: Authentication, issuer: Issuer
    ) -> None:
        head, _, _ = issuer.token().split(".")
        _, claims, _ = issuer.token(email="ann@example.com").split(".")
        signed = key("forger").signer.sign(f"{head}.{claims}".encode())
        forged = f"{head}.{claims}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"
        assert refused(production, request(f"Bearer {forged}")) == 401

    def test_changed_claims_are_unauthorized(self, production: Authentication, issuer: Issuer) -> None:
        head, _, signature = issuer.token(email="mallory@example.com").split(".")
        claims = issuer.token().split(".")[1]
        assert refused(production, request(f"Bearer {head}.{claims}.{signature}")) == 401

    @pytest.mark.parametrize(
        "authorization",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer a.b.c",
            "Basic YTpi",
            f"Bearer {KEY}",
            "Bearer \u00e9.\u00e9.\u00e9",
        ],
    )
    def test_missing_or_malformed_token_is_unauthorized(
        self, production: Authentication, authorization: str | None
    ) -> None:
        assert refused(production, request(authorization)) == 401

    def test_a_token_signed_with_the_public_certificate_is_unauthorized(
        self, production: Authentication, issuer: Issuer
    ) -> None:
        """The certificate is public, so a token with the certificate as HS256 secret proves nothing."""
        certificate = key("first").certificate.encode()
        token = unsigned({"alg": "HS256", "typ": "JWT", "kid": "first"}, claims_of(issuer.token()))
        signature = hmac.digest(certificate, token.rstrip(".").encode(), "sha256")
        forged = token + base64.urlsafe_b64encode(signature).decode().rstrip("=")
        assert refused(production, request(f"Bearer {forged}")) == 401

    def test_deeply_nested_token_header_is_unauthorized(self, production: Authentication) -> None:
        head = base64.urlsafe_b64encode(b"[" * 40_000).decode().rstrip("=")
        assert refused(production, request(f"Bearer {head}.e30.e30")) == 401

    def test_removed_signature_error_names_the_unset_setting(
        self, production: Authentication, issuer: Issuer
    ) -> None:
        with pytest.raises(HTTPException, match="CLOUD_RUN_CHECKS_SIGNATURES is not set") as error:
            production.push(request(f"Bearer {without_signature(issuer.token())}"))
        assert error.value.status_code == 401

    def test_removed_signature_is_accepted_behind_cloud_run(
        self, behind_cloud_run: Authentication, issuer: Issuer
    ) -> None:
        asked = request(f"Bearer {without_signature(issuer.token())}")
        assert behind_cloud_run.push(asked) == Caller(PUSHER)
        assert behind_cloud_run.push(request(f"Bearer {issuer.token()}")) == Caller(PUSHER)

    def test_removed_signature_is_refused_if_cloud_run_admits_anonymous_calls(self, issuer: Issuer) -> None:
        """With the setting on and Cloud Run's check off, forged claims would be accepted."""

        def confirm() -> None:
            raise Unavailable("a call without a token came through")

        tokens = GoogleTokens((AUDIENCE,), issuer.url, cloud_run_checks=True, confirm_cloud_run=confirm)
        with pytest.raises(Unavailable, match="came through"):
            deployed(tokens).push(request(f"Bearer {without_signature(issuer.token())}"))
        assert deployed(tokens).push(request(f"Bearer {issuer.token()}")) == Caller(PUSHER)

    @pytest.mark.parametrize(
        ("claims", "status"),
        [
            ({"exp": int(time.time()) - 60}, 401),
            ({"iat": int(time.time()) + 600, "exp": int(time.time()) + 4200}, 401),
            ({"exp": None}, 401),
            ({"iat": None}, 401),
            ({"iss": "https://issuer.example"}, 401),
            ({"aud": "https://another.example"}, 403),
            ({"email": "mallory@example.com"}, 403),
            ({"email_verified": False}, 403),
            ({"email_verified": "false"}, 403),
        ],
    )
    def test_claims_are_still_checked_behind_cloud_run(
        self, behind_cloud_run: Authentication, issuer: Issuer, claims: dict[str, Any], status: int
    ) -> None:
        asked = request(f"Bearer {without_signature(issuer.token(**claims))}")
        assert refused(behind_cloud_run, asked) == status

    def test_serverless_authorization_header_is_unauthorized_behind_cloud_run(
        self, behind_cloud_run: Authentication, issuer: Issuer
    ) -> None:
        """An invoker's own token in that header would let forged claims in Authorization through."""
        forged = request(f"Bearer {without_signature(issuer.token())}")
        forged.scope["headers"].append((b"x-serverless-authorization", b"Bearer a-real-token"))
        assert refused(behind_cloud_run, Request(forged.scope)) == 401

    def test_unsigned_token_is_unauthorized_behind_cloud_run(
        self, behind_cloud_run: Authentication, issuer: Issuer
    ) -> None:
        token = unsigned({"alg": "none", "typ": "JWT", "kid": "first"}, claims_of(issuer.token()))
        assert refused(behind_cloud_run, request(f"Bearer {token}")) == 401

    @given(header=JSON, claims=JSON, signature=st.binary(max_size=40))
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50), deadline=None
    )
    def test_arbitrary_token_is_unauthorized(
        self,
        production: Authentication,
        behind_cloud_run: Authentication,
        header: object,
        claims: object,
        signature: bytes,
    ) -> None:
        """An arbitrary token must neither be accepted nor raise another error."""
        parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
        token = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode()
        assert refused(production, request(f"Bearer {token}")) == 401
        assert refused(behind_cloud_run, request(f"Bearer {without_signature(token)}")) == 401

    @pytest.mark.parametrize("kid", [[], {}, 7, None])
    def test_non_string_key_id_is_unauthorized(
        self, production: Authentication, issuer: Issuer, kid: object
    ) -> None:
        token = unsigned({"alg": "RS256", "kid": kid}, claims_of(issuer.token()))
        assert refused(production, request(f"Bearer {token}")) == 401

    def test_token_in_query_is_unauthorized_in_production(
        self, production: Authentication, issuer: Issuer
    ) -> None:
        assert refused(production, request(query=f"token={issuer.token()}")) == 401

    def test_unreachable_issuer_is_unavailable(self, production: Authentication, issuer: Issuer) -> None:
        """The answer is neither 401 nor 403, so that Pub/Sub delivers the message again."""
        issuer.broken = True
        with pytest.raises(Unavailable, match="certificates"):
            production.push(request(f"Bearer {issuer.token()}"))


class TestPerson:
    @pytest.mark.parametrize("email", ["ann@example.com", SCHEDULER])
    def test_invokers_and_scheduler_are_accepted(
        self, production: Authentication, issuer: Issuer, email: str
    ) -> None:
        assert production.person(request(f"Bearer {issuer.token(email=email)}")) == Caller(email)

    def test_push_account_is_forbidden_as_invoker(self, production: Authentication, issuer: Issuer) -> None:
        assert refused(production, request(f"Bearer {issuer.token()}"), "person") == 403


class TestDevelopmentKey:
    @pytest.fixture
    def local(self) -> Authentication:
        return Authentication(local_settings())

    @pytest.mark.parametrize("how", ["push", "person"])
    def test_development_key_is_accepted(self, local: Authentication, how: str) -> None:
        assert getattr(local, how)(request(f"Bearer {KEY}")) == Caller("developer@localhost")

    @pytest.mark.parametrize("how", ["push", "person"])
    def test_missing_key_is_unauthorized_and_wrong_key_forbidden(
        self, local: Authentication, how: str
    ) -> None:
        with pytest.raises(HTTPException, match="TIPOFF_DEVELOPMENT_KEY") as error:
            getattr(local, how)(request())
        assert error.value.status_code == 401
        assert error.value.headers == {"WWW-Authenticate": "Bearer"}
        assert refused(local, request("Bearer wrong"), how) == 403

    def test_push_may_carry_the_key_in_its_query(self, local: Authentication) -> None:
        assert local.push(request(query=f"token={KEY}")).email == "developer@localhost"
        assert refused(local, request(query="token=wrong")) == 403

    def test_manual_request_may_not_carry_the_key_in_its_query(self, local: Authentication) -> None:
        """Addresses are logged, so a caller other than a push must not pass the key in them."""
        assert refused(local, request(query=f"token={KEY}"), "person") == 401


class TestCertificates:
    def test_certificates_are_fetched_once_an_hour(
        self, tokens: GoogleTokens, issuer: Issuer, clock: Clock
    ) -> None:
        for _ in range(3):
            tokens(issuer.token())
        assert issuer.key_requests == 1
        clock.now += 3601
        tokens(issuer.token())
        assert issuer.key_requests == 2

    def test_rotated_key_is_accepted(self, tokens: GoogleTokens, issuer: Issuer, clock: Clock) -> None:
        tokens(issuer.token())
        issuer.published = ["first", "second"]
        clock.now += 11
        assert tokens(issuer.token(signed_with="second"))["email"] == PUSHER

    def test_withdrawn_key_is_refused_after_cache_expiry(
        self, tokens: GoogleTokens, issuer: Issuer, clock: Clock
    ) -> None:
        tokens(issuer.token())
        issuer.published = ["second"]
        clock.now += 3601
        with pytest.raises(InvalidToken):
            tokens(issuer.token())

    def test_unknown_key_ids_cause_rate_limited_certificate_fetches(
        self, tokens: GoogleTokens, issuer: Issuer, clock: Clock
    ) -> None:
        for _ in range(5):
            with pytest.raises(InvalidToken):
                tokens(issuer.token(signed_with="unknown"))
        assert issuer.key_requests == 1
        clock.now += 11
        with pytest.raises(InvalidToken):
            tokens(issuer.token(signed_with="unknown"))
        assert issuer.key_requests == 2

    def test_failed_certificate_fetches_are_rate_limited(
        self, tokens: GoogleTokens, issuer: Issuer, clock: Clock
    ) -> None:
        """Each attempt may take seconds, and all callers wait for it."""
        issuer.broken = True
        for _ in range(5):
            with pytest.raises(Unavailable, match="certificates"):
                tokens(issuer.token())
        assert issuer.key_requests == 1
        clock.now += 11
        issuer.broken = False
        assert tokens(issuer.token())["email"] == PUSHER

    def test_forged_tokens_do_not_block_genuine_tokens_during_issuer_outage(
        self, tokens: GoogleTokens, issuer: Issuer, clock: Clock
    ) -> None:
        tokens(issuer.token())
        issuer.broken = True
        clock.now += 11
        for _ in range(3):
            with pytest.raises(Unavailable):
                tokens(issuer.token(signed_with="unknown"))
            assert tokens(issuer.token())["email"] == PUSHER
        assert issuer.key_requests == 2

    def test_custom_domain_is_accepted_as_audience(self, tokens: GoogleTokens, issuer: Issuer) -> None:
        assert tokens(issuer.token(aud=DOMAIN))["email"] == PUSHER

    def test_wrong_audience_has_its_own_error(self, tokens: GoogleTokens, issuer: Issuer) -> None:
        with pytest.raises(WrongAudience, match=r"other\.example"):
            tokens(issuer.token(aud="https://other.example"))
