#!/bin/sh
# Rolls DevPulse out on a computer with Debian or one of its children, as root:
#
#   rollout.sh --server URL --secret FILE --person NAME [--policy FILE] PACKAGE...
#
# Nobody is asked anything. A second run changes nothing that is there already. The person agrees
# to what is captured in the app, at the first login.
set -eu

fail() {
    echo "rollout: $1" >&2
    exit 1
}

server='' secret='' person='' policy=''
while [ $# -gt 0 ]; do
    case "$1" in
        --server) server=$2 && shift 2 ;;
        --secret) secret=$2 && shift 2 ;;
        --person) person=$2 && shift 2 ;;
        --policy) policy=$2 && shift 2 ;;
        -*) fail "$1 is not known here" ;;
        *) break ;;
    esac
done
[ -n "$server" ] && [ -n "$secret" ] && [ -n "$person" ] && [ $# -gt 0 ] ||
    fail "a server, a file with the secret, a person and packages are needed"

# Packages that lie here are named with their folder, or apt takes them for names.
for package in "$@"; do
    shift
    set -- "$@" "$(realpath "$package")"
done
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 "$@"

# Nothing counts that others than root could have written.
install -d -m 0755 -o root -g root /etc/devpulse
printf 'server_url = "%s"\n' "$server" >/etc/devpulse/preset.toml.new
chmod 0644 /etc/devpulse/preset.toml.new
mv /etc/devpulse/preset.toml.new /etc/devpulse/preset.toml
[ -z "$policy" ] || install -m 0644 -o root -g root "$policy" /etc/devpulse/policy.toml

as_person() {
    runuser --user "$person" -- env HOME="$(getent passwd "$person" | cut -d: -f6)" "$@"
}

# Enrolled once; the secret goes through standard input, and no other user sees it.
if ! as_person devpulse-client status --json | grep -q '"enrolled":true'; then
    as_person devpulse-client enroll --username "$person" --enrollment-secret-file - <"$secret"
fi
as_person devpulse-client doctor --json | grep -q '"name":"server","state":"ok"' ||
    fail "the computer is enrolled, and the server is not reached: see \`devpulse-client doctor\`"
