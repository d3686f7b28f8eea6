"""Authentication of callers: Google's OIDC tokens, verified; locally a development key.

Push tokens: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions.
"""

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import HTTPException, Request

from tipoff_common.cloud_run import InvokerCheck
from tipoff_common.ports import Unavailable
from tipoff_common.settings import ServiceSettings

DEVELOPER = "developer@localhost"
SIGNATURE_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"
"""The text that Cloud Run's own check leaves in the signature's place:
https://cloud.google.com/run/docs/troubleshooting#signature-removed"""
SERVERLESS_AUTHORIZATION = "x-serverless-authorization"
"""When this header is present, Cloud Run verifies its token and passes Authorization through unverified."""
# Google's clocks and ours differ by less; a longer skew would keep an expired token valid.
_SKEW_SECONDS = 10


@dataclass(frozen=True)
class Caller:
    """An authenticated caller."""

    email: str


class InvalidToken(Exception):
    """The token proves nothing: malformed, unsigned, expired, or not signed by Google."""


class WrongAudience(Exception):
    """The token is genuine but was made for another service."""


class TokenVerifier(Protocol):
    """Verifies the tokens of callers."""

    def __call__(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a genuine token for this service. Raises InvalidToken, WrongAudience, or Unavailable
        when the token cannot be verified now."""


class GoogleTokens:
    """Verifies signature, issuer, expiry and audience with Google's published certificates.

    cloud_run_checks: Cloud Run verifies and removes the signature of every token that reaches this process; the claims
    are verified all the same. confirm_cloud_run: raises Unavailable unless Cloud Run does so; called before a token
    without a signature is accepted.
    """

    _CERTIFICATES_SECONDS = 3600.0
    _PAUSE_SECONDS = 10.0

    def __init__(
        self,
        audiences: tuple[str, ...],
        certificates: str = "https://www.googleapis.com/oauth2/v1/certs",
        issuers: tuple[str, ...] = ("accounts.google.com", "https://accounts.google.com"),
        *,
        cloud_run_checks: bool = False,
        confirm_cloud_run: Callable[[], None] = lambda: None,
    ) -> None:
        self._audiences, self._url, self._issuers = audiences, certificates, issuers
        self._cloud_run_checks, self._confirm_cloud_run = cloud_run_checks, confirm_cloud_run
        self._lock = threading.Lock()
        self._certificates: Mapping[str, str] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def __call__(self, token: str) -> Mapping[str, Any]:
        """See `TokenVerifier`; fetches the certificates when they are missing or old."""
        # A lazy import: it would slow every start, and the development key does not need it.
        from google.auth import exceptions, jwt

        signature_removed = token.endswith(SIGNATURE_REMOVED)
        if signature_removed and not self._cloud_run_checks:
            raise InvalidToken(
                "Cloud Run has removed its signature, but TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES is not set"
            )
        try:
            if signature_removed:
                # Every time, as the check caches its result: a setting alone must not make an unsigned token valid.
                self._confirm_cloud_run()
                claims = _unexpired(jwt.decode(token, verify=False))
            else:
                key = jwt.decode_header(token).get("kid")
                certificates = self._certificates_with(key)
                claims = jwt.decode(token, certs=certificates, clock_skew_in_seconds=_SKEW_SECONDS)
        except (ValueError, TypeError, RecursionError, exceptions.GoogleAuthError) as error:
            raise InvalidToken(str(error)) from error
        # After the signature: the claims of an unverified token mean nothing.
        if claims.get("iss") not in self._issuers:
            raise InvalidToken(f"issuer {claims.get('iss')!r} is not Google")
        if claims.get("aud") not in self._audiences:
            raise WrongAudience(
                f"audience {claims.get('aud')!r} is not {' or '.join(map(repr, self._audiences))}"
            )
        return claims

    def _certificates_with(self, key: object) -> Mapping[str, str]:
        """Return the cached certificates; fetch them when old, or when the key is not among them (a rotation). At most
        one fetch in ten seconds, failed or not, so that forged key ids cannot flood the issuer."""
        with self._lock:
            now = time.monotonic()
            age = now - self._fetched_at
            # Google publishes a key before it signs with it, so an unknown key is usually a new one.
            if age > self._CERTIFICATES_SECONDS or (
                key not in self._certificates and age > self._PAUSE_SECONDS
            ):
                if now - self._tried_at <= self._PAUSE_SECONDS:
                    raise Unavailable(
                        f"the issuer's certificates could not be read; retry in {self._PAUSE_SECONDS:g} s"
                    )
                self._tried_at = now
                self._certificates = self._fetch()
                self._fetched_at = now
            return self._certificates

    def _fetch(self) -> Mapping[str, str]:
        import requests

        try:
            response = requests.get(self._url, timeout=3)
            response.raise_for_status()
            certificates: Mapping[str, str] = response.json()
        except requests.RequestException as error:
            raise Unavailable(f"the issuer's certificates cannot be read: {error}") from error
        return certificates


def _unexpired(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the claims if now is between `iat` and `exp`. Raises ValueError or TypeError."""
    now = time.time()
    if (
        not float(claims.get("iat", "nan")) - _SKEW_SECONDS
        <= now
        <= float(claims.get("exp", "nan")) + _SKEW_SECONDS
    ):
        raise ValueError(
            f"not valid now: issued {claims.get('iat')}, expires {claims.get('exp')}, now {now:.0f}"
        )
    return claims


class Authentication:
    """Turns the Authorization header into a Caller, or into 401 (not proven) and 403 (proven, not allowed)."""

    def __init__(self, settings: ServiceSettings, verify: TokenVerifier | None = None) -> None:
        self._key = settings.development_key.get_secret_value() if settings.development_key else None
        self._push_account = settings.push_service_account
        self._invokers = frozenset(settings.invokers) | ({settings.scheduler_service_account} - {None})
        self._invoker_check = InvokerCheck(settings.audience or "")  # never called without an audience
        self._verify = verify or (
            GoogleTokens(
                (settings.audience, *settings.extra_audiences),
                cloud_run_checks=settings.cloud_run_checks_signatures,
                confirm_cloud_run=self._invoker_check,
            )
            if settings.audience
            else None
        )

    def may_block(self, request: Request) -> bool:
        """Return whether authenticating the request may wait for the network or for another thread.

        It may not with a development key, nor with a token that Cloud Run has verified while the result of the invoker
        check is cached. Any other token may need the issuer's certificates.
        """
        if self._key is not None:
            return False
        verified = request.headers.get("authorization", "").endswith(SIGNATURE_REMOVED)
        return not (verified and self._invoker_check.is_cached())

    def push(self, request: Request) -> Caller:
        """Return the subscription's service account. Pub/Sub's emulators send no token, so locally the push URL may
        carry the key as `?token=`."""
        return self._caller(
            request, lambda email: email == self._push_account, request.query_params.get("token")
        )

    def person(self, request: Request) -> Caller:
        """Return the caller if it is an invoker. Raises HTTPException."""
        return self._caller(request, lambda email: email in self._invokers, None)

    def visitor(self, request: Request, viewers: frozenset[str]) -> Caller:
        """Return the caller if it may read: an invoker, or one of `viewers`. Raises HTTPException."""
        return self._caller(request, lambda email: email in self._invokers | viewers, None)

    def may_operate(self, email: str) -> bool:
        """Return whether the account may change things: an invoker, or the developer where a development key is set."""
        return email in self._invokers or (self._key is not None and email == DEVELOPER)

    def _caller(self, request: Request, allowed: Callable[[str], bool], parameter: str | None) -> Caller:
        # With this header Cloud Run does not verify Authorization, whose claims could then be forged.
        if SERVERLESS_AUTHORIZATION in request.headers:
            raise _unproven(f"{SERVERLESS_AUTHORIZATION} is not accepted; send the token in Authorization")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if self._key is not None:
            if not (token := token or parameter or ""):
                raise _unproven(
                    "the header 'Authorization: Bearer <development key>' is missing; the key is in"
                    " TIPOFF_DEVELOPMENT_KEY"
                )
            # In constant time, even on a laptop: strangers may share its network.
            if not hmac.compare_digest(token.encode(), self._key.encode()):
                raise HTTPException(
                    403, "the development key is wrong; use the value of TIPOFF_DEVELOPMENT_KEY"
                )
            return Caller(DEVELOPER)
        if not token or self._verify is None:
            raise _unproven(
                "the header 'Authorization: Bearer <Google identity token>' is missing; make a token for this"
                " service's URL: gcloud auth print-identity-token --audiences=<URL> --impersonate-service-account=<SA>"
                " --include-email"
            )
        try:
            claims = self._verify(token)
        except InvalidToken as error:
            raise _unproven(f"the identity token is not accepted: {error}") from error
        except WrongAudience as error:
            raise HTTPException(403, str(error)) from error
        email = str(claims.get("email", ""))
        # `is True`: a claim of another type than documented, such as the text "false", must not pass.
        if claims.get("email_verified") is not True or not allowed(email):
            raise HTTPException(
                403, f"{email or 'this account'} may not call this; see docs/reference/configuration.md"
            )
        return Caller(email)


def _unproven(detail: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})
