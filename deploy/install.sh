#!/bin/sh
# Installs what requirements.lock names into a virtual environment: install.sh <python of it>.
# Wheels only, hashes checked. yattag has no wheel: it is built by the locked setuptools, installed
# first (that of a new environment cannot build wheels), and fetches nothing.
set -eu
python=$1
lock=$(dirname "$0")/../requirements.lock
first=$(mktemp)
trap 'rm -f "$first"' EXIT
sed -n '/^setuptools==/,/[^\\]$/p' "$lock" > "$first"
for requirements in "$first" "$lock"; do
    "$python" -m pip install --quiet --require-hashes --no-deps --no-build-isolation \
        --only-binary :all: --no-binary yattag -r "$requirements"
done
