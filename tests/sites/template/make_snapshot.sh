#!/bin/bash
# Makes a snapshot of the site, as the script does that getlino gives a site.
set -e

PROJECT_DIR=@DIR@
ARCH_DIR=$PROJECT_DIR/backups
ENVDIR=$PROJECT_DIR/env
SNAPSHOTDIR=snapshot
ZIPFILE=snapshot.zip

for dir in "$PROJECT_DIR" "$ARCH_DIR"; do
  if [ ! -d "$dir" ]; then
    echo "$dir does not exist!"
    exit -1
  fi
done

umask 0007
cd "$PROJECT_DIR"

if [ -f $ZIPFILE ]; then
  ARCFILE=$(date "+$ARCH_DIR/%Y%m%d_%H%M.zip" -r $ZIPFILE)
  echo "Keep the existing $ZIPFILE as $ARCFILE"
  mv $ZIPFILE "$ARCFILE"
fi

. "$ENVDIR/bin/activate"

# Fails when the directory is empty: so does the script of real sites.
if [ -d $SNAPSHOTDIR ]; then
  rm $SNAPSHOTDIR/*
  rmdir $SNAPSHOTDIR
fi

python manage.py dump2py $SNAPSHOTDIR
python -m pip freeze > $SNAPSHOTDIR/requirements.txt
echo "Writing $ZIPFILE..."
zip -r $ZIPFILE $SNAPSHOTDIR
if [ -d media/uploads ]; then
  zip -r $ZIPFILE media/uploads
fi
zip $ZIPFILE *.py *.sh
find "$ARCH_DIR" -maxdepth 1 -depth -name '*.zip' -mtime +60 -delete
echo "make_snapshot terminated successfully"
