"""The FastAPI application that every service is built on, and its server."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from tipoff_common import COMMIT, RELEASE, __version__
from tipoff_common.faults import describe
from tipoff_common.logs import configure_logs
from tipoff_common.ports import Overloaded, PermanentRefusal, Unavailable
from tipoff_common.push import RECORD_REFUSAL, Acknowledged
from tipoff_common.settings import ServiceSettings, SettingsError, refuse_start
from tipoff_common.telemetry import HopMiddleware, configure_telemetry, is_on, shutdown_telemetry
from tipoff_common.yaml_source import ConfigurationError

log = logging.getLogger(__name__)
S = TypeVar("S", bound=ServiceSettings)


class Health(BaseModel):
    """The live service, version and configuration."""

    service: str = Field(description="the service's name")
    version: str = Field(description="the version of Tipoff")
    commit: str | None = Field(description="the commit that the image was built from; null outside of images")
    config_hash: str = Field(description="hash of the configuration files read at the start")
    config_files: tuple[str, ...] = Field(
        description="names of the files behind config_hash; each service reads its own, so their hashes differ"
    )
    environment: str = Field(description="deployment: prod, staging, dev or local")


class Readiness(Health):
    """The live version, and the state of each dependency."""

    checks: Mapping[str, str] = Field(description='each dependency: "ok", or its fault')


def create_app(
    *,
    service: str,
    description: str,
    environment: str,
    config_hash: str,
    checks: Mapping[str, Callable[[], None]],
    config_files: Iterable[Path] = (),
    threads: int | None = None,
) -> FastAPI:
    """Return an application with /healthz, /readyz and the answers to common errors.

    Cloud Run reserves some paths that end in z for calls from outside
    (https://cloud.google.com/run/docs/known-issues), so /health and /ready exist too.

    config_files: the files behind `config_hash`. threads: how many handlers run at the same time; the framework's
    default when None.
    """

    @asynccontextmanager
    async def bound_threads(_app: FastAPI) -> AsyncIterator[None]:
        # Cloud Run enforces the service's concurrency; the local stack has no such limit. The limiter belongs to the
        # event loop, hence it is set when the loop runs.
        if threads is not None:
            current_default_thread_limiter().total_tokens = threads
        yield
        # Not by atexit, which never runs: uvicorn ends the process with the signal that stopped it.
        if is_on():
            await run_in_threadpool(shutdown_telemetry)

    app = FastAPI(
        lifespan=bound_threads,
        title=f"Tipoff {service}",
        description=description,
        version=__version__,
        openapi_url="/openapi.json" if environment == "local" else None,  # its pages need no token
    )
    if is_on():
        app.add_middleware(HopMiddleware)
    health = Health(
        service=service,
        version=__version__,
        commit=COMMIT or None,
        config_hash=config_hash,
        # Every scraper has a file of the same name, which is told once.
        config_files=tuple(dict.fromkeys(file.name for file in config_files)),
        environment=environment,
    )

    _add_probes(app, health, checks)
    _add_error_answers(app)
    return app


def _add_probes(app: FastAPI, health: Health, checks: Mapping[str, Callable[[], None]]) -> None:
    @app.get("/health", tags=["operation"])
    @app.get("/healthz", tags=["operation"])
    # `async`: it answers on the loop even when every thread is busy; otherwise Cloud Run would
    # restart a loaded instance.
    async def healthz() -> Health:
        """Report that the process runs, and its version."""
        return health

    @app.get("/ready", tags=["operation"], responses={503: {"model": Readiness}})
    @app.get("/readyz", tags=["operation"], responses={503: {"model": Readiness}})
    # Not `async`: it runs in a thread, since checks make blocking calls. Checks only read: any caller may run them.
    def readyz(response: Response) -> Readiness:
        """Check that the service can read each of its dependencies; 503 names those that it cannot. Writes nothing."""
        results = {name: _result(check) for name, check in checks.items()}
        if any(result != "ok" for result in results.values()):
            response.status_code = 503
        return Readiness(**health.model_dump(), checks=results)


def _add_error_answers(app: FastAPI) -> None:
    @app.exception_handler(Acknowledged)
    async def acknowledged(_request: Request, _error: Acknowledged) -> Response:
        return Response(status_code=204)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        sent = request.headers.get("content-type")
        # Without a JSON content type FastAPI reports a missing object, which misleads about a correct body.
        unread = any(
            item["type"] == "model_attributes_type" and item["loc"] == ("body",) for item in error.errors()
        )
        if unread and not _is_json(sent):
            fault = f"'{sent}' is not JSON" if sent else "missing"
            return JSONResponse({"detail": f"Content-Type: {fault}; send the body as application/json"}, 415)
        faults = [{**item, "msg": describe(item)} for item in error.errors()]
        reworded = RequestValidationError(faults, body=error.body)
        return await request_validation_exception_handler(request, reworded)

    @app.exception_handler(Unavailable)
    async def unavailable(_request: Request, error: Unavailable) -> JSONResponse:
        # Overload is normal under load, and the sender retries by itself; anything else is a fault.
        level = logging.INFO if isinstance(error, Overloaded) else logging.ERROR
        log.log(level, "unavailable; the sender has to retry", extra={"detail": str(error)})
        return JSONResponse(
            {
                "detail": str(error),
                "remedy": "nothing was lost; Pub/Sub redelivers a message, other callers retry",
            },
            503,
            {"Retry-After": str(error.RETRY_SECONDS)} if isinstance(error, Overloaded) else None,
        )

    @app.exception_handler(PermanentRefusal)
    async def refused(request: Request, error: PermanentRefusal) -> Response:
        # A push endpoint leaves a function here that records its message; any other caller gets the reason.
        record = getattr(request.state, RECORD_REFUSAL, None)
        if record is None:
            return JSONResponse({"detail": str(error)}, 422)
        try:
            await record(str(error))
        except Unavailable as failure:
            return await unavailable(request, failure)
        return Response(status_code=204)


def _is_json(content_type: str | None) -> bool:
    """Return whether FastAPI reads a body of this type as JSON."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _result(check: Callable[[], None]) -> str:
    try:
        check()
    except Unavailable as error:
        return str(error)
    except Exception as error:
        # The operator needs the reason of any fault, and a 500 would have none.
        log.exception("a check raised an unexpected error")
        return f"{type(error).__name__}: {error}"
    return "ok"


def serve(service: str, settings: S, build: Callable[[S], FastAPI]) -> None:
    """Run a service until SIGTERM or SIGINT, and finish requests under way first.

    Exits with 2 and a message about a faulty configuration file.
    """
    configure_logs(service, RELEASE, settings.project)
    # Before the application is built, which adds its middleware only when telemetry is on.
    configure_telemetry(service, RELEASE, settings.environment, settings.otlp_endpoint)
    try:
        app = build(settings)
    except (SettingsError, ConfigurationError) as error:
        refuse_start(service, error)
    # After the application is built and before it serves, so that only permanent objects are exempt.
    spare_the_collector()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # Cloud Run kills the process ten seconds after SIGTERM.
        timeout_graceful_shutdown=8,
    )


def spare_the_collector() -> None:
    """Exempt the objects that exist now from garbage collection: they are permanent, and a request's objects are nearly
    always freed by reference counting. Scanning them took a fifth of the logger's CPU time under load."""
    gc.collect()
    gc.freeze()
    # Reference cycles are rare here: collect the young generation thirty times less often than by default.
    gc.set_threshold(20_000, 10, 10)
