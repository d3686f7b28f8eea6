# Any service: docker build --build-arg SERVICE=logger --build-arg "COMMIT=$(git rev-parse HEAD)" .
#
# `make prove-images` installs each service as below and starts it, on machines without Docker too.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG PYTHON_DIGEST=sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST} AS tools
COPY services/build-requirements.txt /build/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r /build/build-requirements.txt

FROM tools AS build
ARG SERVICE
ENV VIRTUAL_ENV=/app/venv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /build
RUN test -n "${SERVICE}" || { echo "name the service: --build-arg SERVICE=logger" >&2; exit 1; }
COPY services/${SERVICE}/requirements.txt ./
RUN uv venv --quiet --python "$(command -v python3)" "${VIRTUAL_ENV}" && \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.txt
# tipoff-dataset carries the SQL.
COPY schemas/ schemas/
COPY queries/ queries/
COPY libs/ libs/
COPY services/${SERVICE}/ services/${SERVICE}/
# Build all libraries and install those that the service depends on: --no-index allows no other source.
# hadolint ignore=DL3003
RUN wheels="$(pwd)/wheels" && \
    for project in libs/* "services/${SERVICE}"; do (cd "${project}" && hatchling build -t wheel -d "${wheels}") || exit 1; done && \
    uv pip install --quiet --no-index --find-links wheels "tipoff-${SERVICE}"

FROM ${PYTHON_IMAGE}@${PYTHON_DIGEST}
# Remove pip and the like; compile the standard library, which ships without bytecode: it is read-only at run time.
RUN python -m pip uninstall --quiet --yes --root-user-action ignore setuptools wheel pip && \
    rm -rf /usr/local/lib/python3.11/ensurepip && \
    python -m compileall -q --invalidation-mode unchecked-hash \
      -x '/(test|tests|idlelib|lib2to3|tkinter|turtledemo|site-packages)/' /usr/local/lib/python3.11
ARG SERVICE
ARG COMMIT=
ENV SERVICE=${SERVICE} TIPOFF_COMMIT=${COMMIT} PATH=/app/venv/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=build /app/venv /app/venv
COPY infra/topics.yaml infra/ticks.yaml infra/
COPY config/ config/
COPY services/scraper-runner/scrapers/ services/scraper-runner/scrapers/
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8080')}/healthz\", timeout=2)"]
CMD ["sh", "-c", "exec python -m tipoff_$(echo \"${SERVICE}\" | tr - _)"]
