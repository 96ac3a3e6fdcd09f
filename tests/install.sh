#!/bin/sh
# Installs a build into an empty folder and uses it as a stranger would: exported names, pkg-config,
# an example linked both ways, the command. Usage: tests/install.sh BUILD_FOLDER
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT
meson install -C "$1" --no-rebuild --destdir "$to" >"$to/log" 2>&1 || { cat "$to/log"; exit 1; }
failed=0
check() {
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAILED $1: \"$2\", not \"$3\""; failed=1; fi
}
pc=$(find "$to" -name omendb.pc)
libraries=$(dirname "$(dirname "$pc")")
prefix=$(dirname "$(find "$to" -type d -name include)")
export PKG_CONFIG_PATH="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$to"
check "the shared library exports omen_* alone" \
    "$(nm -D --defined-only "$libraries/libomendb.so" | awk '$3 !~ /^omen_/' | head -3)" ""
check "the static library exports omen_* alone" \
    "$(nm -g --defined-only "$libraries/libomendb.a" | awk 'NF == 3 && $3 !~ /^omen_/' | head -3)" ""
names() { grep ' omen_' | awk '{print $3}' | sort; }
check "both export the same" "$(nm -D --defined-only "$libraries/libomendb.so" | names | cksum)" \
    "$(nm -g --defined-only "$libraries/libomendb.a" | names | cksum)"
# shellcheck disable=SC2046
cc -o "$to/shared" "$source/examples/notes.c" $(pkg-config --cflags --libs omendb)
check "linked with the shared library" "$(LD_LIBRARY_PATH="$libraries" "$to/shared")" "1 hello"
static=$(pkg-config --cflags --libs --static omendb | sed 's/-lomendb/-l:libomendb.a/')
# shellcheck disable=SC2086
cc -o "$to/static" "$source/examples/notes.c" $static
check "linked with the static library" "$("$to/static")" "1 hello"
check "without the shared one" "$(ldd "$to/static" | grep -c omendb || true)" 0
check "the command" "$("$prefix/bin/omendb" -c "select 40 + 2" | grep -c 42)" 1
exit $failed
