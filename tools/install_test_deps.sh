#!/bin/sh
# Installs the real servers and clients that tests/scenarios runs, where apt-get may be used, and is quiet
# about what is there already. With CI=true a missing one is a failure; elsewhere the tests that need it skip.
set -eu

packages="dovecot-imapd dovecot-pop3d dovecot-managesieved dovecot-submissiond dovecot-lmtpd haproxy nginx-full
  libnginx-mod-stream libnginx-mod-mail isync curl openssl postfix swaks sieve-connect socat python3 caddy
  prometheus-haproxy-exporter python3-venv postgresql mariadb-server redis-server redis-tools
  cyrus-caldav nghttp2-client wrk"

give_up() {
  echo "install_test_deps: $*" >&2
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

command -v dpkg-query >/dev/null 2>&1 || give_up "not a Debian system: install by hand: $(echo $packages)"
missing=
for package in $packages; do
  case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true) in
    *" installed") ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || give_up "not root, so these are not installed:$missing"

# The tests run their own copies on ports of their own; no service of the system is started.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
echo "install_test_deps: installing$missing" >&2
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  rm -f "$log"
  give_up "apt-get failed"
fi
rm -f "$log"
