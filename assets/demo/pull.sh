#!/bin/bash
# Brings the packages of this site to the versions of packages.txt.
set -e
cd "$(dirname "$0")"

read -r -p "Do you have a snapshot of all Lino sites ? [yN] " -n 1 answer
echo
case "$answer" in
    y | Y) ;;
    *)
        echo "Nothing was changed. Make a snapshot first: ./make_snapshot.sh"
        exit 1
        ;;
esac

env/bin/python -m pip install --upgrade --no-build-isolation --requirement packages.txt
echo "Packages are at the versions of packages.txt."
