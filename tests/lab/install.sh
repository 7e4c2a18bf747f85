#!/bin/sh
# Puts what the laboratory needs onto a Debian 12 or 13, as root: install.sh [asterisk|asterisk-22|asterisk-16|debian|browser|nginx|caddy|postgresql|redis|promtool|all]...
#
# Asterisk is not in these Debians, so it goes into a Debian root of its own below $BRIDGE_LAB
# (default ~/.cache/ari-bridge-lab). May be run any number of times, also at the same time; what is there is left
# alone and costs no network. BRIDGE_MIRROR names a Debian mirror, default: the one this machine uses.
set -eu

lab=${BRIDGE_LAB:-$HOME/.cache/ari-bridge-lab}

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

machine_mirror() {
    # both forms of apt's sources; the first address that serves /debian
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        grep -v '^[[:space:]]*#' | grep -Eo 'https?://[^ ]+/debian/?( |$)' | head -n 1 | sed 's,/* *$,,'
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }

# packages PACKAGE...: installs those that are missing
packages() {
    missing=
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    apt_get update -qq
    # shellcheck disable=SC2086
    apt_get install -y -qq --no-install-recommends $missing >/dev/null
}

# the newest release, from Debian's unstable
suite_of() { case $1 in 22) echo sid ;; 16) echo bullseye ;; *) die "no Asterisk $1 here: 22 or 16" ;; esac; }

sources_of() {
    case $1 in
    22) echo "deb $mirror sid main" ;;
    16)
        echo "deb $mirror bullseye main"
        echo "deb $mirror-security bullseye-security main"
        ;;
    esac
}

# asterisk_root RELEASE: built under a temporary name and renamed when complete, so what has the final name is whole
asterisk_root() {
    release=$1
    root=$lab/asterisk-$release
    part=$root.part
    if [ -x "$root/usr/sbin/asterisk" ]; then
        say "Asterisk $release is there: $root"
        return 0
    fi
    suite=$(suite_of "$release")
    say "building a Debian $suite with Asterisk $release in $root (about a minute)"
    rm -rf --one-file-system "$part" "$root"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$part" "$mirror" >"$lab/debootstrap.log" 2>&1 ||
        die "debootstrap failed, see $lab/debootstrap.log"
    sources_of "$release" >"$part/etc/apt/sources.list"
    # no service may start inside the root
    printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d"
    chmod 755 "$part/usr/sbin/policy-rc.d"
    if ! {
        in_root update && in_root install -y --no-install-recommends \
            asterisk asterisk-modules asterisk-core-sounds-en-gsm && in_root clean
    } >"$lab/asterisk-$release.log" 2>&1; then
        die "Asterisk $release could not be installed, see $lab/asterisk-$release.log"
    fi
    mkdir -p "$part/lab"
    mv "$part" "$root"
    say "Asterisk $release is ready: $root"
}

in_root() {
    DEBIAN_FRONTEND=noninteractive chroot "$part" apt-get -qq -o Acquire::Check-Valid-Until=false "$@"
}

# debian_root RELEASE: a bare Debian as a provider hands it out, with the Python modules that install.sh would add
debian_root() {
    root=$lab/debian-$1
    [ -x "$root/usr/bin/systemctl" ] && return 0
    packages debootstrap iproute2
    say "building a bare Debian $1 in $root (about a minute)"
    rm -rf --one-file-system "$root.part" "$root"
    case $1 in 12) suite=bookworm ;; 13) suite=trixie ;; *) die "no Debian $1 here: 12 or 13" ;; esac
    debootstrap --variant=minbase --include=ca-certificates,systemd,python3-venv,iproute2 "$suite" "$root.part" "$mirror" \
        >"$lab/debian-$1.log" 2>&1 || die "debootstrap failed, see $lab/debian-$1.log"
    mv "$root.part" "$root"
}

# the release whose Python is the tests' own
fitting_debian() {
    case $(python3 -c 'import sys; print(*sys.version_info[:2])') in "3 11") echo 12 ;; "3 13") echo 13 ;; esac
}

asterisk() {
    packages debootstrap nftables sip-tester tcpdump espeak-ng sox iproute2
    asterisk_root "$1"
}

# promtool alone, without Prometheus' service
promtool() {
    [ -x "$lab/promtool" ] && return 0
    part=$(mktemp -d)
    say "fetching promtool"
    (
        cd "$part"
        apt-get download -qq prometheus >/dev/null 2>&1 || { apt_get update -qq && apt-get download -qq prometheus; }
        dpkg -x prometheus_*.deb .
    ) 2>/dev/null || { rm -rf "$part" && die "Debian's prometheus cannot be downloaded"; }
    mv "$part/usr/bin/promtool" "$lab/promtool"
    rm -rf "$part"
}

# the server's programs alone: the tests make clusters of their own
# without its service: the tests start servers of their own
redis() {
    [ -x /usr/bin/redis-server ] && return 0
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.lab
    [ -e /usr/sbin/policy-rc.d ] || ln -s policy-rc.d.lab /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d.lab
    packages redis-server
    [ "$(readlink /usr/sbin/policy-rc.d)" = policy-rc.d.lab ] && rm /usr/sbin/policy-rc.d
    rm -f /usr/sbin/policy-rc.d.lab
}

postgresql() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return 0
    packages postgresql-common
    sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    packages postgresql
}

[ "$(id -u)" = 0 ] || die "needs root (chroot, apt)"
[ $# -gt 0 ] || set -- all
mkdir -p "$lab"
exec 9>"$lab/lock"
flock -n 9 || { say "another installation is running, waiting for it" && flock 9; }

mirror=${BRIDGE_MIRROR:-$(machine_mirror)}
mirror=${mirror:-http://deb.debian.org/debian}

for part_wanted; do
    case $part_wanted in
    asterisk | asterisk-22) asterisk 22 ;;
    asterisk-16) asterisk 16 ;;
    browser) packages chromium ;;
    nginx) packages nginx ;;
    postgresql) postgresql ;;
    caddy) packages caddy ;;
    debian | debian-12 | debian-13)
        release=${part_wanted#debian}
        release=${release#-}
        debian_root "${release:-$(fitting_debian)}"
        ;;
    redis) redis ;;
    promtool) promtool ;;
    all)
        # beside each other: both wait for the network and for the disk
        packages debootstrap
        fitting=$(fitting_debian)
        { [ -z "$fitting" ] || debian_root "$fitting"; } &
        beside=$!
        asterisk 22
        packages chromium nginx caddy
        postgresql
        redis
        promtool
        wait "$beside" || die "no bare Debian"
        ;;
    *) die "unknown: $part_wanted; known: asterisk asterisk-22 asterisk-16 debian debian-12 debian-13 browser nginx caddy postgresql redis promtool all" ;;
    esac
done
