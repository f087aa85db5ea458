#!/bin/sh
# Rivals (c) into a folder of their own: an OpenTelemetry Collector from the Go module proxy (needs go >= 1.25, under a
# minute) and rotel's wheel, unpacked. Usage: sh benchmarks/rivals/build.sh [FOLDER]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$HOME/.cache/spanledger-rivals}
python=${PYTHON:-$here/../../.venv/bin/python}
mkdir -p "$folder"

echo "[1/2] the Collector into $folder/otelcol-rival"
GOBIN="$folder" go install go.opentelemetry.io/collector/cmd/builder@v0.155.0
(cd "$folder" && CGO_ENABLED=0 ./builder --config "$here/builder.yaml" && mv build/otelcol-rival . && rm -r build builder)

echo "[2/2] rotel into $folder/rotel"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$folder/rotel" rotel==0.0.1a15
chmod +x "$folder/rotel/rotel/rotel-agent"
