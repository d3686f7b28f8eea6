#!/usr/bin/env bash
# Build and push the fleet's images on top of Tipoff's @VERSION@, with docker, podman or buildah. Written by `tipoff
# terraform`. Usage: build_images.sh BASE REGISTRY TAG SERVICE...
#
# BASE      registry that has Tipoff's own images, SERVICE:@VERSION@
# REGISTRY  for example us-central1-docker.pkg.dev/my-tipoff-dev/tipoff
# TAG       what the images are told apart by: the fleet's commit
set -euo pipefail

[[ $# -ge 4 ]] || { echo "build_images.sh: write BASE REGISTRY TAG SERVICE..." >&2; exit 2; }
base=$1 registry=$2 tag=$3
shift 3
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
builder=$(command -v docker || command -v podman || command -v buildah) ||
  { echo "build_images.sh: no docker, podman or buildah here; install one, or let Cloud Build build" >&2; exit 2; }
for service in "$@"; do
  # Cloud Run takes linux/amd64 only, and the registry never moves a tag: an image of another kind would stay.
  "$builder" build --platform linux/amd64 --build-arg "BASE=$base/$service:@VERSION@" --build-arg "COMMIT=$tag" \
    --tag "$registry/$service:$tag" .
done
for service in "$@"; do # when all are built, so that a tag stands for all services or for none
  "$builder" push "$registry/$service:$tag"
done
