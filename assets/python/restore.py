"""Runs a command of a Lino site, which loads a snapshot, without waiting for the disk at each row.

    python restore.py manage.py run snapshot/restore.py --noinput

is `python manage.py run snapshot/restore.py --noinput`, in this process, but

- a SQLite database does not wait until each row is on the disk.  Each row is
  still a transaction of its own, so rows that are refused and tried again are
  treated as ever, and a restore that is killed leaves a sound database.  After a
  power cut it may be damaged; then the restore, which begins with removing its
  file, is repeated from the snapshot.  When the command ends, all is on the disk.
- Django keeps no list of the statements that it has executed, which it does for
  developers (DEBUG).
- Python looks less often for objects that nobody uses any more.

Other databases are left alone.  No setting of the site is changed, and none of
its files but the database.  Works on Lino 20 to 26 (Python 3.7 and up).
"""

import atexit
import gc
import os
import runpy
import sys

# How many new objects there are before Python looks for garbage; usual are 700.
OBJECTS = 50000
# A journal in memory would be faster still, and what is killed in the middle of a row would leave a damaged database.
PRAGMAS = ("synchronous = OFF", "journal_mode = TRUNCATE", "temp_store = MEMORY", "cache_size = -131072")


FILES = set()  # The databases that were opened.


def hasten(sender, connection, **options):
    """Prepares a new connection to a SQLite database."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for pragma in PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        cursor.execute("PRAGMA database_list")
        FILES.add(cursor.fetchone()[2])


def finish():
    """Leaves the databases as ever: all of them on the disk, and no journal beside them."""
    import sqlite3

    from django.db import connections

    connections.close_all()
    for name in filter(os.path.isfile, FILES):
        try:
            connection = sqlite3.connect(name)
            # Going from one to the other removes the empty journal.
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()
            for path in (name, os.path.dirname(name)):
                descriptor = os.open(path, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
        except Exception as cause:
            print("restore.py: %s: %s" % (name, cause), file=sys.stderr)


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: restore.py manage.py ARGUMENT...")
    # As if Python had been called with the rest.
    del sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.signals import connection_created

    connection_created.connect(hasten)
    atexit.register(finish)
    BaseDatabaseWrapper.queries_logged = property(lambda connection: connection.force_debug_cursor)
    gc.set_threshold(OBJECTS, 20, 100)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
