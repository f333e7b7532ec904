# What the scripts beside it share. Source it after `set -euo pipefail`.

shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lino-upgrade-tests
mkdir -p "$cache"

# The caller's pip settings and site settings must not reach what is built here.
unset PIP_TARGET PIP_PREFIX PIP_USER PIP_CONSTRAINT PYTHONPATH PYTHONHOME VIRTUAL_ENV
unset DJANGO_SETTINGS_MODULE SCHEMA SITEVER LANGS MIGR
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export PYTHONUNBUFFERED=1 LC_ALL=C.UTF-8

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 2; }

# The interpreter itself, not a wrapper of it: virtual environments link to it.
# The system's own is preferred: other users than the one who calls can run it.
find_python() {
  local name
  for name in "${PYTHON:-}" /usr/bin/python3.11 /usr/bin/python3 python3.11 python3; do
    [ -n "$name" ] || continue
    "$name" -c 'import sys; assert sys.version_info >= (3, 11); print(sys.executable)' 2>/dev/null && return
  done
  die "Python 3.11 or newer is missing. Install it, or set PYTHON to it."
}

# digest FILE_OR_TEXT...: twelve hex digits of all contents and texts.
digest() {
  local part
  for part in "$@"; do
    if [ -d "$part" ]; then
      (cd "$part" && find . -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
    elif [ -f "$part" ]; then cat "$part"
    else echo "$part"; fi
  done | sha256sum | cut -c1-12
}

# once TARGET COMMAND...: makes TARGET by COMMAND, which writes to $making;
# one process does it, the others wait; an interrupted attempt leaves nothing.
once() {
  local target=$1; shift
  [ -e "$target" ] && return
  (
    flock 9
    [ -e "$target" ] && exit 0
    making=$target.making
    rm -rf "$making"
    "$@" 9>&-
    mv "$making" "$target"
  ) 9>"$target.lock"
}

# free_port: a port of the loopback interface that nobody listens on now, and that no other site was given lately. The
# kernel takes none of these for connections: whoever asks again and again whether a server answers there would, sooner or
# later, be connected with itself.
free_port() {
  (
    flock 9
    "$python" - "$cache/port" <<'PYTHON'
import pathlib, socket, sys
last, first, count = pathlib.Path(sys.argv[1]), 20_000, 12_000
port = int(last.read_text()) if last.exists() else first
for _ in range(count):
    port = first + (port + 1 - first) % count
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            continue
    last.write_text(str(port))
    print(port)
    break
else:
    sys.exit("free_port: no port is free")
PYTHON
  ) 9>"$cache/port.lock"
}

python=$(find_python)
tag=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')

# builder: prints the interpreter of an environment that only has pip.
builder() {
  local env
  env=$cache/builder-$(digest "$python" "$tag")
  once "$env" make_builder
  echo "$env/bin/python"
}
make_builder() {
  "$python" -m venv --without-pip "$making"
  # The interpreter stays usable after the directory is renamed; scripts would not.
  "$making/bin/python" -m ensurepip >/dev/null ||
    die "Python's venv module is missing. On Debian: apt-get install python3-venv."
}

# package_list NAME: prints the file that names every package of an environment:
# constraints-NAME.txt, or, for a release of Noi, what the demo installs for it
# and what test sites need besides.
package_list() {
  local list=$here/constraints-$1.txt demo=$root/assets/demo/$1.txt more=$here/constraints-noi.txt
  if [ ! -f "$list" ]; then
    [ -f "$demo" ] || die "There is no $list."
    list=$cache/list-$1-$(digest "$demo" "$more")
    once "$list" join_lists "$demo" "$more"
  fi
  echo "$list"
}
join_lists() { cat "$@" > "$making"; }

# wheelhouse NAME: prints the directory with all packages of that list.
# mysqlclient is apart: it is compiled, and only sites on MariaDB need it.
wheelhouse() {
  local list dir
  list=$(package_list "$1")
  dir=$cache/wheels-$1-$(digest "$list" "$tag")
  once "$dir" fill_wheelhouse "$1" "$list"
  echo "$dir"
}
fill_wheelhouse() {
  local pip; pip=$(builder)
  say "downloading the packages of '$1'"
  mkdir "$making"
  grep -v '^mysqlclient==' "$2" > "$making/list.txt"
  "$pip" -m pip -q wheel --use-pep517 --no-deps --wheel-dir "$making" -r "$making/list.txt" >&2
}

# mysql_wheelhouse: prints the directory with the driver for MariaDB.
mysql_wheelhouse() {
  local wanted dir
  wanted=$(grep -h '^mysqlclient==' "$here/constraints-old.txt")
  dir=$cache/wheels-mysql-$(digest "$wanted" "$tag")
  once "$dir" fill_mysql_wheelhouse "$wanted"
  echo "$dir"
}
fill_mysql_wheelhouse() {
  local pip; pip=$(builder)
  say "compiling $1"
  mkdir "$making"
  "$pip" -m pip -q wheel --use-pep517 --no-deps --wheel-dir "$making" "$1" >&2
}

# shop_wheels: prints the directory with the versions 1.0 and 2.0 of lino-shop.
shop_wheels() {
  local dir
  dir=$cache/shop-$(digest "$here/shop")
  once "$dir" fill_shop_wheels
  echo "$dir"
}
fill_shop_wheels() {
  mkdir "$making"
  "$python" "$here/shop/build_wheel.py" 1.0 "$making"
  "$python" "$here/shop/build_wheel.py" 2.0 "$making"
}

# environment NAME: prints a virtual environment with all packages of that list.
# It is shared: run it, but never change it.
environment() {
  local dir house
  house=$(wheelhouse "$1")
  dir=$cache/env-$1-$(digest "$(package_list "$1")" "$python" "$tag")
  # An environment can't be renamed, so a mark beside it says that it is complete.
  once "$dir.complete" fill_environment "$1" "$dir" "$house"
  echo "$dir"
}
fill_environment() {
  local pip; pip=$(builder)
  say "installing the environment '$1'"
  rm -rf "$2"
  "$python" -m venv --without-pip "$2"
  "$pip" -m pip --python "$2/bin/python" -q install --no-index --find-links "$3" \
    --no-deps -r "$3/list.txt" >&2
  touch "$making"
}

# copy_environment FROM TO: a private copy, with its own paths in its scripts.
copy_environment() {
  "$1/bin/python" -m venv --without-pip "$2"
  cp -a --reflink=auto "$1/lib/." "$2/lib/"
  copy_scripts "$1" "$2"
}

# share_environment FROM TO [PACKAGE...]: an environment without packages of its own, which finds those of FROM; these
# PACKAGEs alone it has for itself.
share_environment() {
  local from=$1 to=$2 package
  "$from/bin/python" -m venv --without-pip "$to"
  (cd "$to/lib"/python3.*/site-packages && echo "$from/lib/"python3.*/site-packages > shared.pth)
  for package in "${@:3}"; do
    cp -a --reflink=auto "$from/lib"/python3.*/site-packages/"$package" "$to/lib"/python3.*/site-packages/
  done
  copy_scripts "$from" "$to"
}

copy_scripts() {
  local from=$1 to=$2 file new
  new=$(printf %s "$to" | sed 's/[|&\\]/\\&/g')
  for file in "$from"/bin/*; do
    [ -f "$file" ] && [ ! -L "$file" ] && [ ! -e "$to/bin/${file##*/}" ] || continue
    sed "s|$from|$new|g" "$file" > "$to/bin/${file##*/}"
    chmod 755 "$to/bin/${file##*/}"
  done
}
