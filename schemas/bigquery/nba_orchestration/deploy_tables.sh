#!/usr/bin/env bash
# Deploy the dataset: datasets.sql, the tables, the table functions, the views. Safe to run again.
set -euo pipefail

readonly DATASET_IN_FILES=nba_orchestration
readonly ZONE_IN_FILES=America/New_York
readonly FALLBACK_PROJECT=nba-props-platform
readonly LOCAL_URL=http://127.0.0.1:9050
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

usage() {
  cat <<'HELP'
Usage: deploy_tables.sh [--project P] [--dataset D] [--dry-run] [--local [URL]] [--bq] [--help]

Creates the dataset, its tables, table functions and views. Views and functions are replaced by what the files say.
Where Python has tipoff_cli (the repository's .venv after `make setup`, or PYTHON), `tipoff tables deploy` does it,
which adds columns that a live table lacks and refuses to remove, retype or narrow any. Otherwise bq does it, which
leaves tables that exist as they are.

  --project P     project to deploy to; default: that of gcloud's configuration, else nba-props-platform
  --dataset D     name of the dataset; default: nba_orchestration
  --dry-run       print what would be applied, in order, and apply nothing
  --local [URL]   deploy to the embedded warehouse; default URL: http://127.0.0.1:9050
  --bq            use bq, whether there is Python for it or not
  --help          this text

The days of the fleet are those of the zone in TIPOFF_TIMEZONE; America/New_York when it is not set.

Exit codes: 0 done, 1 a statement failed or a change was refused, 2 wrong usage, 3 there is neither bq nor Python for
it, or the project cannot be reached.
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

project="" dataset=$DATASET_IN_FILES dry_run=no local_url="" with_bq=no
while [[ $# -gt 0 ]]; do
  case $1 in
    --project) project=$(value_of "$@"); shift 2 ;;
    --dataset) dataset=$(value_of "$@"); shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --bq) with_bq=yes; shift ;;
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

# The name that a function's or view's file defines, and the dataset's names that it uses.
defines() {
  local name=${1##*/}
  name=${name%.sql}
  printf '%s' "${name#fn_}"
}
uses() { sed 's/--.*//' "$1" | grep -o "\b$DATASET_IN_FILES\.[A-Za-z0-9_]*" | sed 's/.*\.//'; }

# The files in the order of their dependencies; libs/dataset/tipoff_dataset/deploy.py has the same rule.
ordered_files() {
  local file other waiting=() rest=() missing
  printf '%s\n' "$here/datasets.sql"
  for file in "$here"/*.sql; do
    case ${file##*/} in datasets.sql | fn_*.sql | v_*.sql) ;; *) printf '%s\n' "$file" ;; esac
  done
  waiting=("$here"/fn_*.sql "$here"/v_*.sql)
  while [[ ${#waiting[@]} -gt 0 ]]; do
    for file in "${waiting[@]}"; do
      missing=$(for other in "${waiting[@]}"; do
        if [[ $other != "$file" ]]; then printf '%s\n' "$(defines "$other")"; fi
      done)
      uses "$file" | grep -xF "${missing:-.}" >/dev/null || break
    done
    printf '%s\n' "$file"
    rest=()
    for other in "${waiting[@]}"; do [[ $other == "$file" ]] || rest+=("$other"); done
    waiting=("${rest[@]}")
  done
}

mapfile -t files < <(ordered_files)

if [[ $dry_run == yes ]]; then
  printf 'would apply to %s:%s%s\n' "$project" "$dataset" "${local_url:+ at $local_url}"
  printf '  %s\n' "${files[@]##*/}"
  exit 0
fi

python=${PYTHON:-$here/../../../.venv/bin/python}
if [[ $with_bq == no ]] && "$python" -c 'import tipoff_cli' 2>/dev/null; then
  exec "$python" -m tipoff_cli tables deploy --schemas "$here" --project "$project" --dataset "$dataset" \
    ${local_url:+--url "$local_url"}
fi
if [[ -n $local_url ]]; then
  address=${local_url#*://}
  (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null ||
    fail 3 "nothing answers at $local_url: no stack is running; make up starts one"
fi
command -v bq >/dev/null ||
  fail 3 "neither bq (https://cloud.google.com/sdk) nor Python with tipoff_cli (make setup) is here"

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
  if ! sed "s/\b$DATASET_IN_FILES\b/$dataset/g; s|'$ZONE_IN_FILES'|'${TIPOFF_TIMEZONE:-$ZONE_IN_FILES}'|g" "$file" | bq_query >"$work/answer" 2>&1; then
    fail 1 "${file##*/} failed: $(tail -n 5 "$work/answer")"
  fi
  printf 'applied %s\n' "${file##*/}"
done
printf 'deployed %d files to %s:%s\n' "${#files[@]}" "$project" "$dataset"
