#!/bin/bash
# Makes a snapshot of this site: a dump of its database, the versions of its
# packages and its own files, all in snapshot.zip. Earlier ones go to backups/.
set -e
cd "$(dirname "$0")"

archive=snapshot.zip
python=env/bin/python
keep_days=60

if [ -f "$archive" ]; then
    mkdir -p backups
    made=$("$python" -c 'import os, sys, time; print(time.strftime("%Y%m%d_%H%M", time.localtime(os.path.getmtime(sys.argv[1]))))' "$archive")
    mv "$archive" "backups/$made.zip"
    echo "The last snapshot is now backups/$made.zip"
fi

rm -rf snapshot
"$python" manage.py dump2py --noinput --overwrite snapshot
"$python" -m pip freeze > snapshot/requirements.txt

contents=(snapshot)
for entry in *.py *.sh *.toml media/uploads; do
    if [ -e "$entry" ]; then contents+=("$entry"); fi
done
if command -v zip > /dev/null; then
    zip --quiet --recurse-paths "$archive" "${contents[@]}"
else
    "$python" -m zipfile -c "$archive" "${contents[@]}"
fi

if [ -d backups ]; then
    find backups -name '*.zip' -mtime +"$keep_days" -delete
fi

echo "make_snapshot terminated successfully"
