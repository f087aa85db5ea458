#!/bin/sh
# The tests run against a real browser, a real Alertmanager and a real Spark, which needs a full Java: install the three Debian
# packages where we may, else say so.
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v prometheus-alertmanager >/dev/null || missing="$missing prometheus-alertmanager"
"${JAVA_HOME:+$JAVA_HOME/bin/}java" --list-modules 2>/dev/null | grep -q jdk.incubator.vector || missing="$missing openjdk-17-jre-headless"
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
