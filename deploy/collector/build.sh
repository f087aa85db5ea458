#!/bin/sh
# Builds the Collector of builder.yaml (needs Go >= 1.25; a minute or three, and nothing where it stands already).
# Usage: sh deploy/collector/build.sh [FOLDER]; the program is FOLDER/build/otelcol-spanledger
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-${SPANLEDGER_TEST_COLLECTOR:-$HOME/.cache/spanledger-collector}}
mkdir -p "$folder"
if [ -x "$folder/build/otelcol-spanledger" ] && cmp -s "$here/builder.yaml" "$folder/builder.yaml"; then exit 0; fi

command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo "building the Collector needs Go, which is not on the PATH" >&2; exit 2; }
echo "[+] a Collector into $folder/build"
cp "$here/builder.yaml" "$folder/new.yaml"
GOBIN="$folder" go install go.opentelemetry.io/collector/cmd/builder@v0.155.0
(cd "$folder" && CGO_ENABLED=0 ./builder --config new.yaml >build.log 2>&1) || { tail -n 20 "$folder/build.log" >&2; exit 1; }
mv "$folder/new.yaml" "$folder/builder.yaml"
