#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bootstrap.sh TARGET…: installs what the targets need, then runs `make TARGET…` (default: all).
# On Debian packages come through apt-get, by sudo when not root; nothing is asked, and nothing is
# installed when everything is there. Elsewhere it says what is needed, and goes on with what it finds.
# VARIABLE=VALUE and options of make may stand among the targets.
set -u
cd "$(dirname "$0")" || exit 1
[ $# -gt 0 ] || set -- all

# ---- which packages, by their names in Debian 12 -------------------------------------------------

build='gcc libc6-dev make autoconf pkg-config libevent-dev libssl-dev libjansson-dev libsqlite3-dev
libpcre2-dev libcurl4-openssl-dev check'

# The clients that the suites drive the daemon with; the list is beside the suites.
suites=$(cat tests/*/packages.txt 2>/dev/null | sed 's/#.*//')

# Only the whole client suites need it (amqplib). It may be there from elsewhere, and then Debian's
# package would be in the way of that one.
npm=$(command -v npm >/dev/null 2>&1 || echo npm)

packages=$build
for target in "$@"; do
    case $target in
    check | check-clients | check-crash | check-quick | check-examples | sanitize | tsan)
        packages="$packages $suites"
        ;;
    esac
    case $target in
    check-clients) packages="$packages $npm" ;;
    lint) packages="$packages clang-tidy clang cppcheck" ;;
    format | check-format) packages="$packages clang-format" ;;
    fuzz) packages="$packages clang libclang-rt-14-dev" ;;
    valgrind) packages="$packages valgrind libc6-dbg $suites" ;;
    coverage) packages="$packages lcov $suites" ;;
    bench) packages="$packages rabbitmq-server $suites" ;;
    esac
done

# ---- installing them -----------------------------------------------------------------------------

say() {
    echo "bootstrap: $*" >&2
}

missing_packages() {
    for package in $packages; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done | sort -u | tr '\n' ' '
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# While this file says 101, no package may start the service it brings. One that is there stays.
no_start=/usr/sbin/policy-rc.d
forbid_starting() {
    [ -e "$no_start" ] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$no_start" >/dev/null &&
        as_root chmod 755 "$no_start" && ours=yes
}
allow_starting() {
    [ "${ours:-}" = yes ] && as_root rm -f "$no_start"
    ours=
}

# A network that hiccups, and another program that is installing just now, are waited for.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 \
        -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
    trap allow_starting EXIT
    trap 'exit 130' INT TERM
    forbid_starting
    apt_get update ||
        say "apt-get update failed; trying with the lists that are there"
    # shellcheck disable=SC2086
    apt_get -y --no-install-recommends -o Dpkg::Use-Pty=0 install $1
    status=$?
    allow_starting
    trap - EXIT INT TERM
    # What came for the comparison only must not start at the next boot either.
    case " $1" in
    *" rabbitmq-server "*)
        command -v systemctl >/dev/null && as_root systemctl disable rabbitmq-server 2>/dev/null
        ;;
    esac
    return $status
}

debian() {
    [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ]) &&
        command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

if debian; then
    missing=$(missing_packages)
    if [ -z "$missing" ]; then
        :
    elif [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        say "not root and no sudo without a password. Please install, then run this again:"
        say "  apt-get install --no-install-recommends $missing"
        say "going on without"
    else
        say "installing $missing"
        install_packages "$missing" || say "the installation failed; going on with what is there"
    fi
else
    say "this is not Debian. What is needed, by the names of Debian's packages:"
    # shellcheck disable=SC2086
    say " " $packages
    say "going on with what is there"
fi

# ---- building ------------------------------------------------------------------------------------

command -v make >/dev/null || { say "there is no make"; exit 1; }
exec make -j"$(nproc 2>/dev/null || echo 2)" "$@"
