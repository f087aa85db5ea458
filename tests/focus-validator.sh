#!/bin/sh
# Makes the environment of focus-validator, which needs Python 3.12 and libraries older than ours; nothing where it stands.
# Usage: sh tests/focus-validator.sh [FOLDER]; its Python is FOLDER/bin/python
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-${SPANLEDGER_TEST_FOCUS_VALIDATOR:-$HOME/.cache/spanledger-focus-validator}}
cmp -s "$here/focus-validator.lock" "$folder/focus-validator.lock" && exit 0

uv=$here/../.venv/bin/uv
found=""
for python in python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12; do
  "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && found=$python && break
done
echo "[+] focus-validator into $folder"
mkdir -p "$(dirname "$folder")"
log=$(mktemp)
if [ -n "$found" ]; then "$found" -m venv --clear "$folder"; else "$uv" venv --quiet --clear --managed-python --python 3.12 "$folder"; fi >"$log" 2>&1 &&
  "$uv" pip install --quiet --python "$folder/bin/python" --require-hashes -r "$here/focus-validator.lock" >>"$log" 2>&1 || {
  tail -n 5 "$log" >&2
  echo "the tests of the FOCUS export need Python 3.12 (none was found or could be fetched) and the packages of tests/focus-validator.lock" >&2
  exit 2
}
cp "$here/focus-validator.lock" "$folder/"
