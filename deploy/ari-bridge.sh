#!/bin/bash
# Installed by install.sh as /usr/local/bin/ari-bridge: the command as systemd runs the service, with its user, settings,
# keys and database. (What root writes into the database's folder the service could not write to.)
set -euo pipefail
release=${BRIDGE_RELEASE:-$(readlink -e /opt/ari-bridge/current)}
etc=/etc/ari-bridge data=/var/lib/ari-bridge owner=ari-bridge

case ${1:-} in '' | -h | --help | --version | demo) exec "$release/bin/ari-bridge" "$@" ;; esac
if [ "$(id -u)" != 0 ]; then
    echo "ari-bridge: the service's settings and keys are for root: sudo ari-bridge $*" >&2
    exit 2
fi

export ARI_BRIDGE_STORE__URL=${ARI_BRIDGE_STORE__URL:-sqlite:///$data/ari-bridge.db}
if [ -r $etc/environment ]; then
    while IFS= read -r line; do
        case $line in
        '' | '#'* | ';'*) ;;
        *=*)
            value=${line#*=}
            value=${value#[\"\']}
            export "${line%%=*}=${value%[\"\']}"
            ;;
        esac
    done <$etc/environment
fi

if [ "$1" = asterisk-config ]; then # writes where root alone may, and touches no data of the service
    CREDENTIALS_DIRECTORY=$etc/credentials exec "$release/bin/ari-bridge" "$@"
fi

credentials=$(mktemp -d /run/ari-bridge-command.XXXXXX)
trap 'rm -rf "$credentials"' EXIT
cp $etc/credentials/* "$credentials"/
chown -R $owner:$owner "$credentials"
export CREDENTIALS_DIRECTORY=$credentials HOME=$data
if [ "$1" = check ] && timeout -s KILL 5 asterisk -rx 'dialplan show' >"$credentials/dialplan" 2>/dev/null; then
    set -- "$@" --dialplan "$credentials/dialplan" # Asterisk's console is not for the service's user
fi
cd $data
umask 077
groups=(--init-groups)
[ "$1" = rca ] && groups=(--groups systemd-journal) # it reads the service's log
setpriv --reuid $owner --regid $owner "${groups[@]}" --no-new-privs "$release/bin/ari-bridge" "$@"
