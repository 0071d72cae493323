#!/bin/sh
# A Chromium for the browser tests: the one that is there, else Debian's package, else Playwright's own.
# Usage: install.sh PYTHON, the interpreter that has Playwright.
set -eu
for name in "${CHROME:-}" chromium google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    if $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq chromium; then
        # Ubuntu's package of that name is a pointer to a snap, which containers cannot start.
        command -v chromium >/dev/null 2>&1 && chromium --version >/dev/null 2>&1 && exit 0
    fi
fi
exec "$1" -m playwright install --with-deps chromium
