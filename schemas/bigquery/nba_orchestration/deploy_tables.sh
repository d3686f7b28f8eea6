#!/usr/bin/env bash
# Deploy the dataset: datasets.sql, the tables, the table functions, the views. Safe to run again.
set -euo pipefail

readonly DATASET_IN_FILES=nba_orchestration
readonly FALLBACK_PROJECT=nba-props-platform
readonly LOCAL_URL=http://127.0.0.1:9050
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

usage() {
  cat <<'HELP'
Usage: deploy_tables.sh [--project P] [--dataset D] [--dry-run] [--local [URL]] [--help]

Creates the dataset, its tables, table functions and views, with bq. What exists already is left as it is; views
and functions are replaced by what the files say.

  --project P     project to deploy to; default: that of gcloud's configuration, else nba-props-platform
  --dataset D     name of the dataset; default: nba_orchestration
  --dry-run       print what would be applied, in order, and apply nothing
  --local [URL]   deploy to the embedded warehouse; default URL: http://127.0.0.1:9050
  --help          this text

Exit codes: 0 done, 1 a statement failed, 2 wrong usage, 3 bq is missing or the project cannot be reached.
HELP
}

fail() {
  local code=$1
  shift
  printf 'deploy_tables.sh: %s\n' "$*" >&2
  exit "$code"
}

value_of() {
  [[ $# -ge 2 && -n ${2:-} && ${2:-} != --* ]] || fail 2 "$1 needs a value (see --help)"
  printf '%s' "$2"
}

project="" dataset=$DATASET_IN_FILES dry_run=no local_url=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --project) project=$(value_of "$@"); shift 2 ;;
    --dataset) dataset=$(value_of "$@"); shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --local)
      if [[ ${2:-} == http* ]]; then local_url=${2%/}; shift 2; else local_url=$LOCAL_URL; shift; fi ;;
    --help | -h) usage; exit 0 ;;
    *) fail 2 "unknown argument: $1 (see --help)" ;;
  esac
done

if [[ -z $project && -z $local_url ]] && command -v gcloud >/dev/null; then
  project=$(gcloud config get-value project 2>/dev/null || true)
  [[ $project == "(unset)" ]] && project=""
fi
project=${project:-$FALLBACK_PROJECT}
[[ $project =~ ^[a-z][a-z0-9:.-]*[a-z0-9]$ ]] || fail 2 "not a project id: $project"
[[ $dataset =~ ^[A-Za-z0-9_]+$ ]] || fail 2 "not a dataset name: $dataset"

# The order of what needs what; libs/local/tipoff_local/tables.py holds the same rule.
ordered_files() {
  local file
  printf '%s\n' "$here/datasets.sql"
  for file in "$here"/*.sql; do
    case ${file##*/} in datasets.sql | fn_*.sql | v_*.sql) ;; *) printf '%s\n' "$file" ;; esac
  done
  for file in "$here"/fn_*.sql "$here"/v_*.sql; do printf '%s\n' "$file"; done
}

mapfile -t files < <(ordered_files)

if [[ $dry_run == yes ]]; then
  printf 'would apply to %s:%s%s\n' "$project" "$dataset" "${local_url:+ at $local_url}"
  printf '  %s\n' "${files[@]##*/}"
  exit 0
fi

# The embedded warehouse has its own deployer, which needs nothing but Python.
if [[ -n $local_url ]] && ! command -v bq >/dev/null; then
  exec "${PYTHON:-python3}" -m tipoff_local.tables --url "$local_url" --project "$project" \
    --dataset "$dataset" --schemas "$here"
fi
command -v bq >/dev/null || fail 3 "bq is missing; install the Google Cloud CLI (https://cloud.google.com/sdk)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bq_flags=("--project_id=$project" --headless --quiet)
if [[ -n $local_url ]]; then
  printf 'local' >"$work/token"
  export CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$work/token CLOUDSDK_CORE_PROJECT=$project
  discovery=$(dirname "$(readlink -f "$(command -v bq)")")/../platform/bq/discovery_next/bigquery.json
  [[ -f $discovery ]] || fail 3 "bq carries no discovery document at $discovery; update the Google Cloud CLI"
  bq_flags+=(--api "$local_url" "--discovery_file=$discovery")
fi

bq_query() {
  bq "${bq_flags[@]}" query --use_legacy_sql=false --format=none
}

if ! printf 'SELECT 1' | bq_query >"$work/answer" 2>&1; then
  fail 3 "project $project cannot be reached${local_url:+ at $local_url}: $(tail -n 3 "$work/answer")"
fi
for file in "${files[@]}"; do
  if ! sed "s/\b$DATASET_IN_FILES\b/$dataset/g" "$file" | bq_query >"$work/answer" 2>&1; then
    fail 1 "${file##*/} failed: $(tail -n 5 "$work/answer")"
  fi
  printf 'applied %s\n' "${file##*/}"
done
printf 'deployed %d files to %s:%s\n' "${#files[@]}" "$project" "$dataset"
