#!/bin/bash
# Installs ari_bridge on a Debian 12 or 13, as root. May be run any number of times: it does what is missing.
#
#   install.sh                 install, or upgrade to the version this script lies beside
#   install.sh rollback        back to the version before (--with-data: and its database)
#   install.sh status          what is installed
#   install.sh uninstall       remove the program (--purge: settings, keys and data too)
#
#   --source PATH    a source tree or a wheel (default: what this script came with)
#   --wheels DIR     take all packages from this folder, without any network (see `make bundle`)
#   --with EXTRAS    what else of the package to install, e.g. postgresql or postgresql,standby; later runs remember it
#   --no-start       do not start the service
#
# Program: /opt/ari-bridge · settings: /etc/ari-bridge · data: /var/lib/ari-bridge · copies: /var/backups/ari-bridge
set -euo pipefail
umask 022

readonly PROGRAM=/opt/ari-bridge ETC=/etc/ari-bridge DATA=/var/lib/ari-bridge BACKUPS=/var/backups/ari-bridge
readonly UNIT=/etc/systemd/system/ari-bridge.service COMMAND=/usr/local/bin/ari-bridge OWNER=ari-bridge
readonly LOCK=/run/lock/ari-bridge-install NEEDED_MB=500 KEPT_BACKUPS=5 KEPT_RELEASES=3

readonly BUNDLED_PLAYBOOK='from importlib.resources import files; print(files("ari_bridge.hints") / "playbooks" / "sales_ru.yaml")'

here=$(cd "$(dirname "$0")" && pwd)
action=install source='' wheels='' extras='' start=yes purge=no with_data=no
building=''

say() { printf '%s\n' "$*"; }
step() { printf '%5ss  %s\n' "$SECONDS" "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        install | upgrade) action=install ;;
        rollback | status | uninstall) action=$1 ;;
        --source) source=${2:?--source needs a path}; shift ;;
        --wheels) wheels=${2:?--wheels needs a folder}; shift ;;
        --with)
            extras=${2:?--with needs a list}
            [[ $extras =~ ^[a-z0-9,_-]+$ ]] || die "--with: $extras is no list of extras, e.g. postgresql"
            shift
            ;;
        --no-start) start=no ;;
        --purge) purge=yes ;;
        --with-data) with_data=yes ;;
        -h | --help) usage; exit 0 ;;
        *) die "unknown: $1 (see --help)" ;;
        esac
        shift
    done
}

booted() { [ -d /run/systemd/system ]; }
active() { booted && systemctl is-active --quiet ari-bridge; }
release_of() { readlink -e "$PROGRAM/$1" 2>/dev/null || true; }
version_of() { sed -n 's/^version=//p' "$1/.complete" 2>/dev/null || true; }
fingerprint_of() { sed -n 's/^fingerprint=//p' "$1/.complete" 2>/dev/null || true; }

on_exit() {
    code=$?
    # what was begun is not left half done: a release without its mark is never used
    if [ -n "$building" ] && [ ! -f "$building/.complete" ]; then rm -rf --one-file-system "$building"; fi
    exit $code
}

# --- before anything is changed

look_around() {
    [ "$(id -u)" = 0 ] || die "needs root: sudo $0 $action"
    mkdir -p "$(dirname $LOCK)"
    exec 9>$LOCK
    flock -n 9 || die "another installation is running"
    trap on_exit EXIT
    trap 'exit 130' INT TERM HUP
}

find_source() {
    if [ -z "$source" ]; then
        if [ -f "$here/../pyproject.toml" ]; then source=$(cd "$here/.." && pwd)
        elif compgen -G "$here/ari_bridge-*.whl" >/dev/null; then source=$(compgen -G "$here/ari_bridge-*.whl" | sort -V | tail -n 1)
        else die "nothing to install lies beside this script: name it with --source"
        fi
    fi
    [ -e "$source" ] || die "--source: $source does not exist"
    source=$(realpath "$source")
    if [ -d "$source" ] && [ ! -f "$source/pyproject.toml" ]; then die "--source: $source is no source tree of ari_bridge"; fi
    # a folder with a wheel in it is a bundle: all that is needed lies there
    if [ -z "$wheels" ] && [ -f "$source" ] && [ -f "$(dirname "$source")/constraints.txt" ]; then wheels=$(dirname "$source"); fi
    if [ -n "$wheels" ]; then
        [ -d "$wheels" ] || die "--wheels: $wheels is no folder"
        wheels=$(realpath "$wheels")
    fi
    constraints=
    for file in "$source/constraints.txt" "$(dirname "$source")/constraints.txt" "$here/constraints.txt"; do
        [ -f "$file" ] && { constraints=$file; break; }
    done
    return 0
}

check_machine() {
    # shellcheck disable=SC1091
    system=$(. /etc/os-release 2>/dev/null && echo "${ID:-?} ${VERSION_ID:-}" || echo '?')
    case $system in
    "debian 12" | "debian 13") ;;
    *) say "! made for Debian 12 and 13; this is ${system}: it may work" ;;
    esac
    for folder in /opt /var/lib; do
        free=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
        [ "$free" -ge $NEEDED_MB ] || die "$folder has $free MB free, $NEEDED_MB are needed: nothing was changed"
    done
    if python3 -c 'import ensurepip, venv' 2>/dev/null; then :; else
        step "installing python3-venv"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -o DPkg::Lock::Timeout=120 update -qq &&
            apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends python3-venv >/dev/null; } ||
            die "python3-venv could not be installed: see apt's message above; nothing was changed"
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, this is $(python3 --version)"
}

# --- the program

source_fingerprint() {
    {
        python3 --version
        echo "$extras"
        if [ -f "$source" ]; then sha256sum <"$source"; else
            (cd "$source" && find pyproject.toml README.md ari_bridge media webui deploy -type f \
                ! -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum)
        fi
        [ -z "$constraints" ] || sha256sum <"$constraints"
    } | sha256sum | cut -c 1-16
}

sweep_releases() {
    mkdir -p "$PROGRAM/releases"
    for release in "$PROGRAM"/releases/*/; do
        release=${release%/}
        [ ! -d "$release" ] || [ -f "$release/.complete" ] || rm -rf --one-file-system "$release"
    done
}

build() {
    [ -n "$extras" ] || extras=$(sed -n 's/^extras=//p' "$(release_of current)/.complete" 2>/dev/null || true)
    fingerprint=$(source_fingerprint)
    # the one in use, or one that was built and then not taken: its settings were refused, or it was rolled back
    for release in "$(release_of current)" "$PROGRAM"/releases/*-"$fingerprint"; do
        if [ "$(fingerprint_of "$release")" = "$fingerprint" ] && "$release/bin/ari-bridge" --version >/dev/null 2>&1; then
            step "the program is there already: version $(version_of "$release")"
            return
        fi
    done
    release=$PROGRAM/releases/$(date -u +%Y%m%d-%H%M%S)-$fingerprint
    building=$release
    step "building $release"
    python3 -m venv "$release" || die "the virtual environment could not be made; what was installed stays"
    pip=("$release/bin/python" -m pip --quiet --disable-pip-version-check --no-input)
    options=()
    [ -z "$constraints" ] || options+=(-c "$constraints")
    [ -z "$wheels" ] || options+=(--no-index --find-links "$wheels")
    "${pip[@]}" install --no-cache-dir "${options[@]}" "$source${extras:+[$extras]}" || {
        hint=""
        [ -n "$wheels" ] || hint=" Without a way to pypi.org: make bundle on another machine, then --wheels."
        die "the packages could not be installed: see pip's message above; what was installed stays as it was.$hint"
    }
    version=$("$release/bin/ari-bridge" --version | awk '{print $2}') || die "the new program does not start; what was installed stays"
    printf 'version=%s\nfingerprint=%s\nextras=%s\n' "$version" "$fingerprint" "$extras" >"$release/.complete"
    building=''
    step "version $version is built"
}

share() { "$release/bin/python" -c 'from ari_bridge.places import share; print(share("deploy"))'; }

# --- user, settings, keys

make_user() {
    getent passwd $OWNER >/dev/null ||
        useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin $OWNER
}

make_settings() {
    templates=$(share)
    install -d -m 750 -o root -g $OWNER $ETC
    install -d -m 700 -o root -g root $ETC/credentials
    install -d -m 750 -o $OWNER -g $OWNER $DATA
    install -d -m 700 -o root -g root $BACKUPS
    [ -e $ETC/config.toml ] || install -m 640 -o root -g $OWNER "$templates/config.toml" $ETC/config.toml
    # a link: the page saves the playbook, and the service may write to its data alone
    if [ ! -e $ETC/playbook.yaml ]; then
        [ -e $DATA/playbook.yaml ] || install -m 640 "$("$release/bin/python" -c "$BUNDLED_PLAYBOOK")" $DATA/playbook.yaml
        ln -sfn $DATA/playbook.yaml $ETC/playbook.yaml
    fi
    for name in ari.password soniox.api_key openrouter.api_key hints.webhook_secret; do
        [ -e "$ETC/credentials/$name" ] || install -m 600 /dev/null "$ETC/credentials/$name"
    done
    [ -s $ETC/credentials/ari.password ] ||
        "$release/bin/python" -c 'import secrets; print(secrets.token_urlsafe(24))' >$ETC/credentials/ari.password
    # right again, whoever edited them
    chown root:$OWNER $ETC $ETC/config.toml
    chmod 750 $ETC && chmod 640 $ETC/config.toml
    chown -R root:root $ETC/credentials && chmod 700 $ETC/credentials && chmod 600 $ETC/credentials/*
    if [ -e $ETC/environment ]; then chown root:$OWNER $ETC/environment && chmod 640 $ETC/environment; fi
    chown -R $OWNER:$OWNER $DATA
}

try_settings() {
    BRIDGE_RELEASE=$release bash "$(share)/ari-bridge.sh" check --print-config >/dev/null ||
        die "version $(version_of "$release") does not take the settings (its line is above); what was installed stays"
}

# --- copies

back_up() {
    [ -n "$(release_of current)" ] || return 0
    while backup=$BACKUPS/$(date -u +%Y%m%d-%H%M%S) && [ -e "$backup" ]; do sleep 0.2; done
    install -d -m 700 "$backup"
    cp -a $ETC "$backup/etc"
    release_of current >"$backup/release"
    if [ -f $DATA/ari-bridge.db ]; then
        "$(release_of current)/bin/python" - $DATA/ari-bridge.db "$backup/ari-bridge.db" <<'PYTHON' || die "the database could not be copied to $backup: nothing was changed"
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as there, contextlib.closing(sqlite3.connect(sys.argv[2])) as copy:
    there.backup(copy)
PYTHON
        chown -R $OWNER:$OWNER $DATA # reading as root may have made a -shm file
    fi
    step "copy of settings and database: $backup"
    # shellcheck disable=SC2012
    ls -1d "$BACKUPS"/*/ | sort | head -n -$KEPT_BACKUPS | xargs -r rm -rf --one-file-system
}

restore_database() {
    [ -f "$1/ari-bridge.db" ] || return 0
    rm -f $DATA/ari-bridge.db-wal $DATA/ari-bridge.db-shm
    install -m 600 -o $OWNER -g $OWNER "$1/ari-bridge.db" $DATA/ari-bridge.db
}

# --- switching

# put MODE FILE PLACE: unless it lies there already; whether it was put, in a way that what runs is not disturbed
put() {
    if cmp -s "$2" "$3"; then return 1; fi
    install -m "$1" "$2" "$3.new" && mv -f "$3.new" "$3"
}

point() { ln -sfn "$2" "$PROGRAM/.$1" && mv -Tf "$PROGRAM/.$1" "$PROGRAM/$1"; }

install_unit() {
    mkdir -p "$(dirname $UNIT)"
    if put 644 "$(share)/ari-bridge.service" $UNIT && booted; then systemctl daemon-reload; fi
    if booted; then systemctl enable --quiet ari-bridge; else
        mkdir -p /etc/systemd/system/multi-user.target.wants
        ln -sfn $UNIT /etc/systemd/system/multi-user.target.wants/ari-bridge.service
    fi
    put 755 "$(share)/ari-bridge.sh" $COMMAND || true
    put 755 "$(share)/install.sh" $PROGRAM/install.sh || true
    put 644 "$(share)/README.md" $PROGRAM/README.md || true
}

start_service() {
    [ $start = yes ] || { step "not started (--no-start)"; return 0; }
    booted || { step "systemd does not run here: not started"; return 0; }
    systemctl reset-failed ari-bridge 2>/dev/null || true
    if systemctl restart ari-bridge 2>/dev/null; then step "the service runs"; return 0; fi
    say "! the service did not start; what it said (all of it: journalctl -u ari-bridge):"
    said=$(journalctl -u ari-bridge -n 40 --no-pager -o cat 2>/dev/null)
    { grep -E '^ari-bridge: |^[A-Za-z.]+Error|Failed at step|Failed to set up' <<<"$said" || tail -n 5 <<<"$said"; } | tail -n 3 | sed 's/^/    /'
    return 1
}

sweep_old() {
    # shellcheck disable=SC2012
    ls -1d "$PROGRAM"/releases/*/ | sort | head -n -$KEPT_RELEASES | while read -r old; do
        case ${old%/} in "$(release_of current)" | "$(release_of previous)") ;; *) rm -rf --one-file-system "$old" ;; esac
    done
}

install_it() {
    find_source
    check_machine
    sweep_releases
    build
    make_user
    make_settings
    try_settings
    before=$(release_of current)
    if [ "$before" = "$release" ]; then
        install_unit
        active || start_service || exit 1
    else
        if active; then systemctl stop ari-bridge; step "the service is stopped"; fi
        back_up
        [ -z "$before" ] || point previous "$before"
        point current "$release"
        install_unit
        if ! start_service; then
            [ -n "$before" ] || die "installed, but it does not run: mend what its line says, then run this again"
            say "! going back to version $(version_of "$before")"
            systemctl stop ari-bridge || true
            point current "$before"
            restore_database "$backup"
            install_unit
            start_service || true
            die "the upgrade was taken back"
        fi
        sweep_old
    fi
    step "done"
    [ -n "$before" ] || first_steps
}

first_steps() {
    say ""
    say "Next:"
    say "  1. ari-bridge asterisk-config --host … --user … --did … --operators 1001,1002 --output /etc/asterisk"
    say "     asterisk -rx 'core reload'"
    say "  2. keys: $ETC/credentials/soniox.api_key and openrouter.api_key, then: systemctl restart ari-bridge"
    say "  3. ari-bridge check"
    say "  4. the page: ssh -L 8000:127.0.0.1:8000 this-machine, then http://127.0.0.1:8000"
    say "All of it: $PROGRAM/README.md"
}

rollback() {
    previous=$(release_of previous)
    [ -n "$previous" ] && [ -f "$previous/.complete" ] || die "there is no version before this one"
    current=$(release_of current)
    backup=$(grep -lxF "$previous" "$BACKUPS"/*/release 2>/dev/null | sort | tail -n 1 | xargs -r dirname)
    if [ $with_data = yes ] && [ -z "$backup" ]; then die "no copy of the database of that version is left in $BACKUPS"; fi
    if active; then systemctl stop ari-bridge; fi
    kept=$backup
    back_up
    if [ $with_data = yes ]; then restore_database "$kept"; step "the database is as it was in $kept"; fi
    point previous "$current"
    point current "$previous"
    release=$previous
    install_unit
    if ! start_service; then
        [ $with_data = yes ] || say "! if it says that the database is newer: install.sh rollback, then install.sh rollback --with-data"
        exit 1
    fi
    step "back to version $(version_of "$previous")"
}

status() {
    for name in current previous; do
        found=$(release_of $name)
        say "$name: ${found:-none} ${found:+(version $(version_of "$found"))}"
    done
    if booted; then say "service: $(systemctl is-active ari-bridge || true), $(systemctl is-enabled ari-bridge 2>/dev/null || true)"; fi
}

uninstall() {
    if booted; then systemctl disable --now --quiet ari-bridge 2>/dev/null || true; fi
    rm -f $UNIT /etc/systemd/system/multi-user.target.wants/ari-bridge.service $COMMAND
    booted && systemctl daemon-reload
    rm -rf --one-file-system $PROGRAM
    if [ $purge = yes ]; then
        rm -rf --one-file-system $ETC $DATA $BACKUPS
        if getent passwd $OWNER >/dev/null; then userdel $OWNER; fi
        step "removed, with settings, keys and data"
    else
        step "removed; settings, keys and data stay in $ETC, $DATA and $BACKUPS (--purge removes them)"
    fi
    say "Our blocks in /etc/asterisk stay: calls depend on them. They lie between '; >>> ari-bridge' and '; <<< ari-bridge'."
}

read_arguments "$@"
look_around
case $action in
install) install_it ;;
*) $action ;;
esac
