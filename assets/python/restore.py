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
- a foreign key whose target was found once is not looked for again, until
  something may have removed rows or changed keys.  SQLite itself still checks
  each row that it stores.

Other databases are left alone.

With LINO_UPGRADE_CIRCLES=close in the environment, an old Lino also loads rows
that point to each other, which it would give up (`close_circles`): an undo
wants the very rows of the snapshot back.

No setting of the site is changed, and none of
its files but the database.  Works on Lino 20 to 26 (Python 3.7 and up).
"""

import atexit
import os
import re
import runpy
import sys

# A journal in memory would be faster still, and what is killed in the middle of a row would leave a damaged database.
PRAGMAS = ("synchronous = OFF", "journal_mode = TRUNCATE", "temp_store = MEMORY", "cache_size = -131072")


FILES = set()  # The databases that were opened.
TARGETS = set()  # Rows that are known to exist: model, type and value of the primary key.
HARMLESS = re.compile(r"\s*(SELECT|INSERT INTO|SAVEPOINT|RELEASE|BEGIN|PRAGMA)\b", re.I)
UPDATE = re.compile(r'\s*UPDATE "([^"]+)" SET (.*?) WHERE ', re.S)
KEYS = {}  # Columns of primary keys by table.


def hasten(sender, connection, **options):
    """Prepares a new connection to a SQLite database."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for pragma in PRAGMAS:
            cursor.execute("PRAGMA " + pragma)
        cursor.execute("PRAGMA database_list")
        FILES.add(cursor.fetchone()[2])
    TARGETS.clear()
    # Django before 2.0 has none, and then nothing is remembered.
    wrappers = getattr(connection, "execute_wrappers", None)
    if wrappers is not None and watch not in wrappers:
        wrappers.append(watch)


def watch(execute, sql, params, many, context):
    """Sees each statement that Django executes."""
    if not HARMLESS.match(sql):
        update = UPDATE.match(sql)
        # An update of other columns leaves all rows and keys where they are.
        if not update or '"%s" =' % KEYS.get(update.group(1), '"') in update.group(2):
            TARGETS.clear()
    return execute(sql, params, many, context)


def remember_targets():
    """Answers from memory whether the target of a foreign key exists, where it was found before."""
    from django.apps import apps
    from django.db import connections
    from django.db.models import ForeignKey, Manager, QuerySet

    original = ForeignKey.validate

    def is_plain(model):
        manager = model._base_manager
        return type(manager) is Manager and type(manager.get_queryset()) is QuerySet

    plain = {}

    def validate(field, value, instance):
        remote = field.remote_field
        model = remote.model
        if value is None or remote.parent_link or remote.limit_choices_to or len(connections.databases) != 1:
            return original(field, value, instance)
        if model not in plain:
            if not KEYS:
                KEYS.update((one._meta.db_table, one._meta.pk.column) for one in apps.get_models(True))
            plain[model] = is_plain(model) and model._meta.pk.name == remote.field_name
        connection = connections["default"]
        # Only connections that are watched; those are SQLite's.
        if not plain[model] or watch not in getattr(connection, "execute_wrappers", ()):
            return original(field, value, instance)
        target = (model, type(value), value)
        if target in TARGETS:
            # What Django checks before it looks for the target.
            return super(ForeignKey, field).validate(value, instance)
        original(field, value, instance)
        # What is seen within a transaction may be taken back with it.
        if not connection.in_atomic_block:
            TARGETS.add(target)

    ForeignKey.validate = validate


def save_first(row, quick):
    """Saves a row without the references that may be empty; tells whether there are such, and it could be saved."""
    links = [f for f in row._meta.fields if f.remote_field and f.remote_field.model and f.null]
    values = {f.attname: getattr(row, f.attname) for f in links if getattr(row, f.attname) is not None}
    for name in values:
        setattr(row, name, None)
    try:
        if values:
            if not quick:
                row.full_clean()
            row.save()
        return bool(values)
    except Exception:
        # Lino tries the whole row once more, and says what is wrong with it.
        return False
    finally:
        for name, value in values.items():
            setattr(row, name, value)


def close_circles():
    """Has Lino before 25.8 load rows that point to each other.

    What is still deferred in the end is saved without its references that may
    be empty, and then once more with them, as later versions do.
    """
    from lino.utils import dpy

    original = dpy.LoaderBase.finalize
    if hasattr(dpy.FakeDeserializedObject, "on_restore_failure"):
        return

    def finalize(loader):
        loader.flush_deferred_objects()
        waiting = [one for messages in loader.save_later.values() for rows in messages.values() for one in rows]
        loader.saved = sum(save_first(one.object, loader.quick) for one in waiting)
        if loader.saved:
            print("Saved %d rows without their references first, since they point to each other." % loader.saved)
        original(loader)

    dpy.LoaderBase.finalize = finalize


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
    """Runs the rest of the command line."""
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
    remember_targets()
    if os.environ.pop("LINO_UPGRADE_CIRCLES", None) == "close":
        close_circles()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
