#!/bin/sh
# Writes the lock: each dependency in pyproject.toml, and each of theirs, with the hash of every file
# that the index has of it, so that one lock serves all platforms and all Pythons from 3.11.
#
#   lock.sh UV FILE      UV: the resolver's path; versions already in FILE stay unless UPGRADE=1
set -eu

new=$2.new
trap 'rm -f "$new"' EXIT
if [ -s "$2" ] && [ -z "${UPGRADE:-}" ]; then cp "$2" "$new"; fi
"$1" pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
    --generate-hashes --no-annotate --no-header --quiet --output-file "$new" >/dev/null
{
    echo "# Every dependency of apdbg and of its checks, pinned by version and SHA-256: Python 3.11 and newer, any platform."
    echo "# Made by \`make lock\` from pyproject.toml; \`make\` installs it with pip's --require-hashes."
    cat "$new"
} >"$2"
