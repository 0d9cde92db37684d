#!/bin/sh
# Puts a pinned tool of tools/versions.sh into .tools/:  tools/bootstrap.sh deno|deno-current|denort
#
# Sources, in this order: the user's cache folder, Python's package index (python3, with or without pip),
# npm, Deno's own site (curl, wget, node or python3). What a source gives is used only when its SHA-256 is
# the pinned one, so it does not matter which one answered. The stub is looked for at Deno's site first and
# in the wheel last; a stub of your own is named by DENORT_BIN, which the Makefile reads.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/versions.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mailferry
site=https://dl.deno.land/release

say() { echo "bootstrap: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

case $(uname -s)-$(uname -m) in
  Linux-x86_64) arch=x86_64 npm_arch=x64 ;;
  Linux-aarch64 | Linux-arm64) arch=aarch64 npm_arch=arm64 ;;
  *) say "no pinned tools for $(uname -s) $(uname -m): Linux on x86_64 or aarch64 is needed"; exit 1 ;;
esac

name=${1:-}
case $name in
  deno) pin=$DENO_PINNED member=deno sources="wheel npm site" ;;
  deno-current) pin=$DENO_CURRENT member=deno sources="wheel npm site" ;;
  denort) pin=$DENORT_PINNED member=denort sources="site wheel" ;;
  *) say "usage: tools/bootstrap.sh deno|deno-current|denort"; exit 2 ;;
esac
set -- $pin
version=$1
if [ $arch = x86_64 ]; then hash=$2; else hash=$3; fi

matches() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$hash" ]; }

# download URL FILE: with whatever this machine has. A host that cannot be reached is given up quickly.
download() {
  if have curl; then
    curl -fsSL --connect-timeout 10 --speed-limit 1000 --speed-time 30 -o "$2" "$1"
  elif have wget; then
    wget -q --tries=1 --timeout=30 -O "$2" "$1"
  elif have node; then
    node --input-type=module -e '
      import { writeFileSync } from "node:fs";
      const [url, file] = process.argv.slice(1);
      try {
        const reply = await fetch(url, { signal: AbortSignal.timeout(300_000) });
        if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
        writeFileSync(file, Buffer.from(await reply.arrayBuffer()));
      } catch (error) {
        console.error(`${url}: ${error.cause?.message ?? error.message}`);
        process.exit(1);
      }
    ' "$1" "$2"
  elif have python3; then
    python3 -c '
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=30) as reply, open(sys.argv[2], "wb") as out:
        shutil.copyfileobj(reply, out)
except OSError as error:
    sys.exit("%s: %s" % (sys.argv[1], error))' "$1" "$2"
  else
    say "no curl, wget, node or python3 to download with"
    return 1
  fi
}

from_wheel() {
  have python3 || { say "no python3"; return 1; }
  if [ $member = denort ]; then
    set -- $DENORT_WHEEL
    python3 "$root/tools/wheel.py" "$1" "$2" $arch "$new" --stub
  else
    python3 "$root/tools/wheel.py" "deno==$version" deno $arch "$new"
  fi
}

from_npm() {
  have npm || { say "no npm"; return 1; }
  mkdir "$work/npm" || return 1
  (cd "$work/npm" && npm pack --silent "@deno/linux-$npm_arch-glibc@$version" >/dev/null) || return 1
  tar -xzOf "$work"/npm/*.tgz package/deno >"$new"
}

# The archives of the site hold one deflated file, which gzip reads: a bare Debian has no unzip.
from_site() {
  download "$site/v$version/$member-$arch-unknown-linux-gnu.zip" "$work/site.zip" || return 1
  gzip -dc <"$work/site.zip" >"$new"
}

mkdir -p "$cache" "$root/.tools"
kept=$cache/$member-$version-$arch
if ! matches "$kept"; then
  work=$(mktemp -d "$cache/.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  new=$work/$member
  for source in $sources; do
    say "$member $version: trying $source"
    if "from_$source" && matches "$new"; then
      chmod 755 "$new"
      mv -f "$new" "$kept"
      break
    fi
    [ ! -f "$new" ] || say "$source gave a file with another SHA-256: not used"
    rm -rf "$new" "$work/npm" "$work/site.zip"
  done
  if ! matches "$kept"; then
    say "could not get $member $version for $arch (SHA-256 $hash)"
    say "needed: python3 (with pip, or an index-url in pip.conf), or a way to $site"
    exit 1
  fi
fi

# A hard link where the cache is on the same file system; renamed into place, since the old file may be running.
if ! matches "$root/.tools/$name"; then
  ln "$kept" "$root/.tools/.$name.$$" 2>/dev/null || cp "$kept" "$root/.tools/.$name.$$"
  mv -f "$root/.tools/.$name.$$" "$root/.tools/$name"
fi
touch "$root/.tools/$name"
