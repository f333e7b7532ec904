"""Writes the dump script of the code in place, without data: a simulated dump.

    python simulate.py OUT    writes OUT/restore.py and siblings

Run it with the site's own Python, in the directory that holds `manage.py`.
`dump2py -s` counts the rows of every table and so fails when a table is new,
sometimes before it has written a single create function.  Here it counts in a
scratch database beside OUT that has all tables and no rows.

The site's database is never opened: whatever its settings say, Django gets the
scratch database.  Nothing of the site is written either, no log file, no byte
code; an attempt to is an error.

Running the script OUT/restore.py would empty the database, so OUT is marked
first, and at last the script itself ends at its first statement.

Works on Lino 20 to 26 (Python 3.7 and up); `facts.py` must lie beside it.
"""

import importlib.util
import os
import re
import shutil
import sys
import tempfile

MARK = "NEVER_RESTORE"
MARK_TEXT = """\
This directory was written by lino-upgrade to compare the database structure of
two versions.  It holds no data.  Running its restore.py would empty the
database, so never do that.  You may delete the directory.
"""
STOP = (
    'raise SystemExit("This is a simulated dump without data: restoring it would empty the '
    'database. Nothing was done.")  # lino-upgrade\n'
)
CODING = re.compile(r"#.*coding[:=]")


def prepare(out, scratch):
    """Creates both directories afresh; a directory that is not ours is left alone."""
    for folder in (out, scratch):
        if os.path.lexists(folder):
            if not os.path.isfile(os.path.join(folder, MARK)):
                sys.exit("%s exists and is no simulated dump. Nothing was done." % folder)
            shutil.rmtree(folder)
        os.makedirs(folder, mode=0o700)
        with open(os.path.join(folder, MARK), "w") as stream:
            stream.write(MARK_TEXT)


# Guards


def is_below(path, folder_fd, folders):
    if folder_fd is not None and folder_fd >= 0:  # It is relative to an open directory.
        path = os.path.join("/proc/self/fd/%d" % folder_fd, os.fsdecode(path))
    path = os.path.realpath(os.fsdecode(path))
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def watch_writes(*folders):
    """Makes it an error to change a file outside of the folders, or to connect to a server.

    Appending to an existing file is let pass, because Lino opens some like this
    only to be sure that they exist.  Not in Python 3.7, which has no such hooks.
    """
    folders = tuple(os.path.realpath(folder) for folder in folders) + ("/dev", "/proc")
    changes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    # Which arguments of the event are a path that it changes, and the directory of that path.
    paths = {
        "os.chmod": [(0, 2)], "os.chown": [(0, 3)], "os.link": [(1, 3)], "os.mkdir": [(0, 2)],
        "os.remove": [(0, 1)], "os.rename": [(0, 2), (1, 3)], "os.rmdir": [(0, 1)],
        "os.symlink": [(1, 2)], "os.truncate": [(0, None)], "os.utime": [(0, 3)],
        "sqlite3.connect": [(0, None)],
    }

    def refuse(what):
        raise PermissionError("lino-upgrade: a simulated dump must not touch %s" % (what,))

    def hook(event, args):
        if event == "open":
            path, mode, flags = args
            if isinstance(path, int) or not flags & changes:
                return
            if flags & os.O_APPEND and not flags & os.O_TRUNC and os.path.exists(path):
                return
            if not is_below(path, None, folders):
                refuse(path)
        elif event == "socket.connect":
            # The kind of error that code for servers expects.
            raise ConnectionRefusedError("lino-upgrade: a simulated dump connects to no server")
        elif event in paths:
            for place, folder in paths[event]:
                path, folder_fd = args[place], None if folder is None else args[folder]
                if isinstance(path, int) or path == ":memory:":
                    continue
                if not is_below(path, folder_fd, folders):
                    refuse(path)

    if hasattr(sys, "addaudithook"):
        sys.addaudithook(hook)


# The settings

# What the site's own settings say of its database: the engine.
OWN = {"engine": ""}


ENGINES = set()  # Of the site's own databases.


def replacements(found, database):
    """Returns the settings that take the place of the site's own."""
    ENGINES.update(str(entry.get("ENGINE")) for entry in (found.get("DATABASES") or {}).values())
    aliases = set(found.get("DATABASES") or ()) | {"default"}
    replaced = {
        "DATABASES": {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": database} for alias in aliases
        },
        "DATABASE_ROUTERS": [],
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        "ADMINS": [],
        "MANAGERS": [],
    }
    if found.get("LOGGING"):
        replaced["LOGGING"] = only_console(dict(found["LOGGING"]))
    return replaced


def only_console(logging):
    """Silences every log handler but those that write to the terminal."""
    handlers = logging.get("handlers") or {}
    logging["handlers"] = {
        name: handler
        if handler.get("class") == "logging.StreamHandler"
        else {"class": "logging.NullHandler"}
        for name, handler in handlers.items()
    }
    return logging


def replace_settings(database):
    """Has Django take our replacements together with the site's settings.

    At the one place where Django reads a settings module, because whatever the
    module is called and imports, nothing then ever sees its DATABASES.  A module
    of our own that imports the site's would be named in the dump, and Lino would
    still keep the variables of the other one (`SITE.django_settings`).
    """
    import django.conf
    from django.utils import log

    class Settings(django.conf.Settings):
        def __init__(self, name):
            super().__init__(name)
            module = vars(sys.modules[name])
            default = (module.get("DATABASES") or {}).get("default") or {}
            OWN["engine"] = str(default.get("ENGINE") or "")
            replaced = replacements(module, database)
            module.update(replaced)
            for key, value in replaced.items():
                setattr(self, key, value)
            # Lino changes Django's default itself.
            log.DEFAULT_LOGGING.update(only_console(log.DEFAULT_LOGGING))

    django.conf.Settings = Settings


def load_site(database):
    replace_settings(database)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "facts.py")
    spec = importlib.util.spec_from_file_location("lino_upgrade_facts", path)
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    facts.find_settings()
    sys.argv[:] = ["manage.py", "dump2py"]

    from django.conf import settings

    for alias, entry in settings.DATABASES.items():
        if entry["NAME"] != database:
            raise RuntimeError("the database %s is not the scratch database" % alias)
    facts.load_models()


# The dump


def create_tables():
    """Creates the table of every model, without types, keys and constraints.

    `migrate` and Lino's `initdb` would run the migrations of third parties, write
    new ones into the virtualenv, and stop at a type that only the site's own
    database has.  Rows are only counted here, and there are none.
    """
    from django.apps import apps
    from django.db import connection, transaction

    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            # SQLite does not tell upper from lower case.
            columns = {field.column.lower(): field for field in model._meta.local_concrete_fields}
            if model._meta.proxy or not columns:
                continue
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS %s (%s)"
                % (
                    quote(model._meta.db_table),
                    ", ".join(quote(field.column) for field in columns.values()),
                )
            )


def dump(out):
    from django.core.management import call_command, get_commands, load_command_class

    command = get_commands()["dump2py"]
    if isinstance(command, str):
        command = load_command_class(command, "dump2py")
    options = {"overwrite": True, "interactive": False}
    # Before 2023 it has no such option; then it writes the rows, of which there are none.
    parser = command.create_parser("manage.py", "dump2py")
    if "--simulate" in parser._option_string_actions:
        options["simulate"] = True
    call_command(command, out, **options)


def stop_at_first_statement(out):
    """Makes the script end before it does anything, behind its `coding` line."""
    path = os.path.join(out, "restore.py")
    with open(path, encoding="utf-8") as stream:
        lines = stream.readlines()
    place = next((n + 1 for n, line in enumerate(lines[:2]) if CODING.match(line)), 0)
    lines.insert(place, STOP)
    with open(path + ".part", "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    os.replace(path + ".part", path)


def main(out):
    out = os.path.abspath(out)
    scratch = out + ".scratch"
    prepare(out, scratch)
    sys.dont_write_bytecode = True
    # What was started by the site inherits these.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    # The line that proves the dump is of this level.
    os.environ["LINO_LOGLEVEL"] = "INFO"
    watch_writes(out, scratch)
    try:
        load_site(os.path.join(scratch, "scratch.sqlite3"))
        create_tables()
        dump(out)
        stop_at_first_statement(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: simulate.py OUT")
    main(sys.argv[1])
