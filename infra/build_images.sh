#!/usr/bin/env bash
# Build and push the images of services, with docker, podman or buildah, on Cloud Build, a CI runner or your machine.
set -euo pipefail

usage() {
  cat <<'HELP'
Usage: build_images.sh [--no-push] REGISTRY TAG [SERVICE...]

REGISTRY  for example us-central1-docker.pkg.dev/my-tipoff-dev/tipoff
TAG       tag of the images: the commit
SERVICE   of infra/services.yaml; all when none is named
Exit codes: 0 done, 1 a build or a push failed, 2 wrong usage, or no build tool is installed.
HELP
}

fail() {
  printf 'build_images.sh: %s\n' "$*" >&2
  exit 2
}

push=yes
while [[ ${1:-} == -* ]]; do
  case $1 in
    --no-push) push=no; shift ;;
    --help | -h) usage; exit 0 ;;
    *) fail "unknown option: $1 (see --help)" ;;
  esac
done
[[ $# -ge 2 ]] || fail "REGISTRY and TAG are needed (see --help)"
registry=$1 tag=$2
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=$(sed -n 's/^  \([a-z][a-z0-9-]*\):.*/\1/p' infra/services.yaml | tr '\n' ' ')
# shellcheck disable=SC2086 # names without blanks; the bash of macOS has no mapfile
[[ $# -gt 0 ]] || set -- $all
for service in "$@"; do
  [[ " $all" == *" $service "* ]] || fail "no service '$service'; there are: $all"
done

builder=$(command -v docker || command -v podman || command -v buildah) ||
  fail "docker, podman and buildah are not installed: install one, or let Cloud Build build (leave BUILD out)"
for service in "$@"; do
  # Cloud Run takes linux/amd64 only, and tags are immutable: an image of another platform could not be replaced.
  "$builder" build --platform linux/amd64 --build-arg "SERVICE=$service" --build-arg "COMMIT=$tag" \
    --tag "$registry/$service:$tag" .
done
if [[ $push == yes ]]; then # after all builds, so that a tag exists for all services or for none
  for service in "$@"; do "$builder" push "$registry/$service:$tag"; done
fi
