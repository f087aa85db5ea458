#!/bin/sh
# Components that tests run against, as Debian packages: installs what is missing where it may, else says so.
# Usage: sh tests/components.sh PACKAGE…, of chromium, prometheus-alertmanager and openjdk-17-jre-headless (a full Java, for Spark)
missing=""
for package in "$@"; do
  case $package in
    openjdk-*) "${JAVA_HOME:+$JAVA_HOME/bin/}java" --list-modules 2>/dev/null | grep -q jdk.incubator.vector ;;
    *) command -v "$package" >/dev/null ;;
  esac || missing="$missing $package"
done
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
