#!/bin/bash
# Brings the site's environment to the new versions, as the script does that
# getlino gives a site. It asks for one key, without Enter.
set -e
umask 0007

ENVDIR=@DIR@/env
export PIP_NO_INDEX=1
export PIP_FIND_LINKS="@WHEELS@"
export PIP_CONSTRAINT=@CONSTRAINTS@

echo "This upgrades every site that uses $ENVDIR."
read -p "Do you have a snapshot of all Lino sites ? [yN] " -n 1 -r
echo
if [[ ! $REPLY =~ ^[Yy]$ ]]; then
  exit 1
fi

. "$ENVDIR/bin/activate"
python -m pip freeze > "$VIRTUAL_ENV/requirements.txt"
python -m pip install -U pip
python -m pip install -U --upgrade-strategy eager @PACKAGES@
@AFTER_PULL@
