#!/bin/sh
# What the tests need beside Python's packages: a PostgreSQL, and a Chromium for the browser tests: the one that is
# there, else Debian's package, else Playwright's own.
# Usage: install.sh PYTHON, the interpreter that has Playwright.
set -eu

debian() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq "$1"
}

if ! command -v initdb >/dev/null 2>&1 && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    debian postgresql || { echo "PostgreSQL is needed; install it so that initdb is on the path." >&2; exit 1; }
fi
for name in "${CHROME:-}" chromium google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
# Ubuntu's package of that name is a pointer to a snap, which containers cannot start.
if debian chromium && command -v chromium >/dev/null 2>&1 && chromium --version >/dev/null 2>&1; then
    exit 0
fi
exec "$1" -m playwright install --with-deps chromium
