#!/bin/sh
# The tests run against a real browser and a real Alertmanager: install the two Debian packages where we may, else say so.
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v prometheus-alertmanager >/dev/null || missing="$missing prometheus-alertmanager"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "[+] Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 && exit 0
  tail -n 5 "$log" >&2
fi
echo "the tests need these Debian packages; install them with: sudo apt-get install$missing" >&2
exit 2
