"""Loads a snapshot with the code in place into a scratch database, and reports every row that is refused.

    python rehearse.py SCRIPT OUT    runs the dump script SCRIPT, writes OUT, one JSON object in each line

Run it with the site's own Python, in the directory that holds `manage.py`.
Lino's own loader does the work, with its migrators and its order, but where it
would stop at a row, and where it would give up, the row is noted and loading
goes on.  So one pass finds what else takes one restore for each.  A row with
fields that are gone is noted and loaded without them, so that what else is
wrong with it comes to light, and no other row is refused because of it.

The site's database is never opened: whatever its settings say, Django gets the
scratch database OUT.sqlite3, which has all tables as the code wants them.
Outside of OUT's directory nothing is written; directories and links that a row
wants are said to be made.

Works on Lino 20 to 26 (Python 3.7 and up); `facts.py` and `simulate.py` must lie
beside it.
"""

import argparse
import errno
import importlib.util
import inspect
import io
import json
import os
import re
import sys
import tempfile
import time
import traceback

FORMAT = 1
LONGEST = 2000  # characters of a message; values of rows may be in it
TRACEBACK = 20000  # characters of a traceback

# What Lino's dumps import that newer packages do not have any more, with what serves as well.
REPAIRS = (
    (
        re.compile(r"(?m)^from django\.utils\.timezone import make_aware, utc[ \t]*$"),
        "from django.utils.timezone import make_aware; from datetime import timezone; utc = timezone.utc",
        "django.utils.timezone.utc was taken from Django, which has it no more",
    ),
    (
        re.compile(r"(?m)^from django\.utils\.encoding import force_unicode[ \t]*$"),
        "from django.utils.encoding import force_str as force_unicode",
        "force_unicode was taken from Django, which has it no more",
    ),
)


def beside(name):
    """Loads one of the scripts beside this one, which are no modules of the site."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("lino_upgrade_" + name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What is told


class Report:
    """Writes one JSON object in each line, as soon as it is known."""

    def __init__(self, path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.stream = io.open(descriptor, "w", encoding="utf-8")

    def say(self, **what):
        # ASCII: a lone surrogate in a value must not stop the writing.
        self.stream.write(json.dumps(what, default=str) + "\n")
        self.stream.flush()


def formatted(cause):
    """Returns a traceback without the frames of this script."""
    whole = traceback.TracebackException.from_exception(cause)
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        own = os.path.abspath(__file__)
        part.stack = traceback.StackSummary.from_list(
            [frame for frame in part.stack if os.path.abspath(frame.filename) != own]
        )
        waiting.extend(inner for inner in (part.__cause__, part.__context__) if inner is not None)
    return "".join(whole.format())[-TRACEBACK:]


def class_name(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


def printable(function, *args):
    """Returns what a function says of an object whose own code may fail."""
    try:
        return str(function(*args))[:LONGEST]
    except Exception as cause:
        return "<%s: %s>" % (type(cause).__name__, str(cause)[:200])


def innermost(cause):
    """Returns what Lino wrapped into an exception of its own that tells less."""
    from django.core.exceptions import ValidationError

    inner = cause.__cause__ or cause.__context__
    if inner is None:
        return cause
    if str(cause).startswith("Failed to save independent"):
        return innermost(inner)
    if isinstance(cause, ValidationError) and isinstance(inner, ValidationError):
        # Lino puts the name of the row before the message, so that every row has one of its own.
        if printable(str, inner) in printable(" ".join, cause.messages):
            return inner
    return cause


def messages_of(cause):
    """Returns the messages by field; what is said of no field or of the whole row is under an empty name."""
    from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

    if isinstance(cause, ValidationError):
        try:
            if hasattr(cause, "error_dict"):
                found = cause.message_dict
            else:
                found = {"": cause.messages}
        except Exception:  # A message whose parameters do not fit.
            return {"": [printable(str, cause)]}
        return {
            "" if name == NON_FIELD_ERRORS else str(name): [str(text)[:LONGEST] for text in texts]
            for name, texts in found.items()
        }
    return {"": [printable(str, cause)]}


# Loading


class Row:
    """A row of the snapshot: where it lies."""

    __slots__ = ("table", "file", "line", "key", "gone", "lacks", "failure", "waits", "stored", "blocked")

    def __init__(self, table, file, line, key):
        self.table = table
        self.file = file
        self.line = line
        self.key = key
        self.gone = None  # The exception that named fields which are gone, until the row is made.
        self.lacks = None  # What is said of these fields.
        self.failure = None
        self.waits = False  # Whether Lino still holds it, to try it again.
        self.stored = False  # Whether Lino has saved it without what it points to, after it was refused.
        self.blocked = None  # What is said when that stands in its own way.

    def is_refused(self):
        """Tells whether it is refused at last, and not only for the fields that it was loaded without."""
        return self.failure is not None and (self.waits or self.failure["phase"] == "create")


def is_about_uniqueness(cause):
    from django.db import IntegrityError

    return isinstance(cause, IntegrityError) and "UNIQUE" in str(cause)


# How Python and Django name fields that a model does not have, in one exception or one after the other.
UNEXPECTED = re.compile(r"got (?:an )?unexpected keyword arguments?:? (.*)", re.DOTALL)


def unknown_names(cause, named):
    """Returns which of the names are said to be no fields."""
    said = UNEXPECTED.search(str(cause))
    return [name for name in re.findall(r"'([^']*)'", said.group(1)) if name in named] if said else []


class Rehearsal:
    def __init__(self, script, report):
        self.script = os.path.abspath(script)
        self.folder = os.path.dirname(self.script)
        self.report = report
        self.row = None  # The one that is being created.
        self.depth = 0  # Create functions may call each other.
        self.loaded = 0
        self.failed = 0
        self.not_created = []
        self.tracebacks = {}  # Of the first failure of each kind.
        self.loader = None
        self.engine = ""  # That of the site's own database.
        self.keys = {}
        self.tables = {}

    # The row files

    def guarded(self, name, function):
        """Returns the create function, told which row it creates, and going on after an error."""
        table = name[len("create_"):]
        place = self.place_of_key(table, function)

        def create(*values, **named):
            if self.depth:
                return function(*values, **named)
            frame = sys._getframe(1)
            key = values[place] if place is not None and place < len(values) else None
            self.row = Row(table, os.path.basename(frame.f_code.co_filename), frame.f_lineno, key)
            self.tables.setdefault(table, [0, 0])[0] += 1
            self.depth += 1
            row = self.row
            try:
                made = function(*values, **named)
                if row.gone is not None:
                    row.lacks = self.failure(row, made, row.gone, "create")
                    self.not_created.append(row)
                return made
            except Exception as cause:
                self.refuse(row, None, cause, "create")
                return None
            finally:
                row.gone = None
                self.depth -= 1

        return create

    def place_of_key(self, table, function):
        """Returns which parameter is the primary key: the model knows, else it is the first."""
        try:
            names = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            return 0
        key = self.keys.get(table)
        return names.index(key) if key in names else 0

    def patch_making(self, kind):
        """Has objects made without the fields that are gone, by create functions only."""
        original = kind.__init__

        def __init__(obj, *args, **named):
            unknown = []
            while True:
                try:
                    return original(obj, *args, **named)
                except TypeError as cause:
                    row = self.row if self.depth else None
                    more = unknown_names(cause, named)
                    if row is None or not more:
                        raise
                    unknown += more
                    if row.gone is None or len(unknown) > len(more):
                        # Before Django 4.2 it names one at a time.
                        row.gone = self.all_unknown(cause, unknown)
                    named = {name: value for name, value in named.items() if name not in more}

        kind.__init__ = __init__

    def patch_numbers(self, kind):
        """Gives new rows the numbers that they would get in PostgreSQL.

        There a row that is loaded with its number does not advance the sequence
        of its table, so that a row which Lino makes itself while it loads may
        get a number that is taken.
        """
        from django.db.models import AutoField, BigAutoField

        original = kind.save_base
        given = {}

        def save_base(obj, *args, **options):
            key = obj._meta.pk
            if obj.pk is not None or args or obj._meta.parents or not isinstance(key, (AutoField, BigAutoField)):
                return original(obj, *args, **options)
            table = obj._meta.db_table
            obj.pk = given[table] = given.get(table, 0) + 1
            options["force_insert"] = True
            try:
                return original(obj, **options)
            except Exception:
                obj.pk = None
                raise

        kind.save_base = save_base

    @staticmethod
    def all_unknown(cause, names):
        if len(names) == 1 or len(unknown_names(cause, dict.fromkeys(names))) == len(names):
            return cause
        model = str(cause).partition("(")[0]
        whole = TypeError("%s() got unexpected keyword arguments: %s" % (model, ", ".join(map(repr, names))))
        return whole.with_traceback(cause.__traceback__)

    def refuse(self, row, obj, cause, phase):
        """Keeps what is to be said of a row that was refused."""
        found = self.failure(row, obj, cause, phase)
        if row.stored and row.failure is not None and is_about_uniqueness(cause):
            # The first reason is the one that a person can do something about.
            row.blocked = found
        else:
            row.failure, row.blocked = found, None
        if phase == "create":
            # Lino would stop here; nobody tries it again.
            self.not_created.append(row)

    def failure(self, row, obj, cause, phase):
        """Returns what is to be said of a row, and not the exception: it would hold every frame alive."""
        inner = innermost(cause)
        found = messages_of(inner)
        if not hasattr(obj, "_meta"):
            obj = None
        model = type(obj)._meta.label if obj is not None else self.model_of(row.table)
        kind = (model, class_name(inner), tuple(sorted(found)), phase)
        if kind not in self.tracebacks:
            self.tracebacks[kind] = formatted(cause)
        failure = {
            "kind": kind,
            "model": model,
            "phase": phase,
            "exception": class_name(inner),
            "messages": found,
            "object": printable(str, obj) if obj is not None else None,
            "key": str(obj.pk if obj is not None and obj.pk is not None else row.key),
            "points": points_of(obj) if obj is not None else [],
        }
        if printable(str, inner).startswith("lino-upgrade:"):
            # The rehearsal forbade something; the restore would not.
            failure["forbidden"] = True
        return failure

    def model_of(self, table):
        return self.labels.get(table)

    def execute(self, name, *spaces):
        """Runs a row file; what is wrong with the file itself is told, and the others are still loaded."""
        path = os.path.join(self.folder, name)
        began = time.monotonic()
        try:
            with open(path, "rb") as stream:
                code = compile(stream.read(), name, "exec")
            exec(code, *spaces)
        except Exception as cause:
            line = getattr(cause, "lineno", None)
            if line is None:
                frames = traceback.extract_tb(cause.__traceback__)
                line = next((f.lineno for f in reversed(frames) if f.filename == name), None)
            self.report.say(
                file=name, line=line, exception=class_name(cause), message=printable(str, cause),
                traceback=formatted(cause),
            )
        self.report.say(done=name, seconds=round(time.monotonic() - began, 3))

    # The loader

    def loader_class(self, base):
        rehearsal = self

        class Loader(base):
            """Lino's loader, which notes what it would give up."""

            def __init__(self, globals_dict, *args, **options):
                super().__init__(globals_dict, *args, **options)
                rehearsal.loader = self
                for name, function in list(globals_dict.items()):
                    if name.startswith("create_") and name != "create_mti_child" and callable(function):
                        globals_dict[name] = rehearsal.guarded(name, function)

            def save(self, obj):
                row = rehearsal.row
                rehearsal.row = None
                try:
                    for wrapped in self.expand(obj):
                        wrapped.lino_upgrade_row = row
                        wrapped.try_save()
                except Exception as cause:
                    if row is None:
                        raise
                    rehearsal.refuse(row, None, cause, "create")

            def register_success(self):
                super().register_success()
                rehearsal.loaded += 1

            def register_failure(self, wrapped, cause):
                row = getattr(wrapped, "lino_upgrade_row", None)
                if row is not None:
                    rehearsal.refuse(row, wrapped.object, cause, "save")
                # One list for each model: the messages would be its keys.
                later = self.save_later.setdefault(type(wrapped.object), {})
                later.setdefault("", []).append(wrapped)

            def finalize(self):
                self.flush_deferred_objects()
                for handler in self.AFTER_LOAD_HANDLERS:
                    try:
                        handler(self)
                    except Exception as cause:
                        rehearsal.report.say(
                            handler=printable(str, handler.__doc__ or handler.__name__),
                            exception=class_name(cause), message=printable(str, cause),
                            traceback=formatted(cause),
                        )
                # They were run, and must not be run again.
                self.AFTER_LOAD_HANDLERS = []
                rehearsal.tell()
                super().finalize()

        return Loader

    def patch_saving(self, kind):
        """Has rows of models that point to nothing noted, too: Lino would stop."""
        original = kind.try_save

        def try_save(wrapped, *args, **options):
            row = getattr(wrapped, "lino_upgrade_row", None)
            try:
                return original(wrapped, *args, **options)
            except Exception as cause:
                if row is None:
                    raise
                self.refuse(row, wrapped.object, cause, "stop")
                later = wrapped.deserializer.save_later.setdefault(type(wrapped.object), {})
                later.setdefault("", []).append(wrapped)

        kind.try_save = try_save
        if not hasattr(kind, "on_restore_failure"):
            return
        save_partly = kind.on_restore_failure

        def on_restore_failure(wrapped, obj):
            save_partly(wrapped, obj)
            row = getattr(wrapped, "lino_upgrade_row", None)
            if row is not None and not row.stored and obj.pk is not None:
                row.stored = type(obj)._base_manager.filter(pk=obj.pk).exists()

        kind.on_restore_failure = on_restore_failure

    def tell(self):
        """Tells the rows that are refused, each once, even if it makes several objects; then nothing is left to tell.

        A row that lacks fields and is refused besides is told twice: these are two things to decide.
        """
        rows = {(row.file, row.line): row for row in self.not_created}
        for groups in (self.loader.save_later if self.loader else {}).values():
            for wrapped in (wrapped for group in groups.values() for wrapped in group):
                row = getattr(wrapped, "lino_upgrade_row", None)
                if row is not None and row.failure is not None:
                    rows[row.file, row.line] = row
                    row.waits = True
        refused = {(row.failure["model"], row.failure["key"]) for row in rows.values() if row.is_refused()}
        for _, row in sorted(rows.items()):
            self.failed += 1
            self.tables[row.table][1] += 1
            if row.is_refused() and row.blocked is not None and not points_to_refused(row.failure, refused):
                row.failure = row.blocked
            if row.lacks is not None and not row.is_refused():
                # It was counted when it was saved without its fields.
                self.loaded -= 1
            for failure in (row.lacks, row.failure if row.is_refused() else None):
                if failure is not None:
                    text = self.tracebacks.pop(failure["kind"], None)
                    place = {"table": row.table, "file": row.file, "line": row.line, "traceback": text}
                    self.report.say(row=dict({name: failure[name] for name in failure if name != "kind"}, **place))
        self.not_created = []
        if self.loader:
            self.loader.save_later = {}

    # The script

    def run(self):
        from django.apps import apps
        from django.db.models import Model
        from lino.utils import dpy

        self.labels = {m._meta.db_table: m._meta.label for m in apps.get_models()}
        self.labels.update({m._meta.label.replace(".", "_").lower(): m._meta.label for m in apps.get_models()})
        for model in apps.get_models():
            for name in (model._meta.db_table, model._meta.label.replace(".", "_").lower()):
                self.keys[name] = model._meta.pk.attname
        self.patch_saving(dpy.FakeDeserializedObject)
        self.patch_making(Model)
        if "postg" in self.engine:  # Also that of PostGIS.
            self.patch_numbers(Model)

        with io.open(self.script, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
        for pattern, instead, why in REPAIRS:
            text, times = pattern.subn(instead, text)
            if times:
                self.report.say(repaired=why)
        space = {"__name__": "restore", "__file__": self.script, "__builtins__": __builtins__}
        if importlib.util.find_spec("six") is None:
            # Dumps of before 2026 need it for one function, which ours replaces.
            sys.modules["six"] = type(sys)("six")
            self.report.say(repaired="the package six is not installed")
        exec(compile(text, self.script, "exec"), space)
        import django.core.management

        original = django.core.management.call_command

        def call_command(name, *args, **options):
            # The tables are there, and sequences matter to other databases only.
            if name not in ("initdb", "resetsequences"):
                return original(name, *args, **options)

        django.core.management.call_command = space["call_command"] = call_command
        space["execfile"] = self.execute
        # Only in the script: old classes name themselves in `super()`.
        space["DpyLoader"] = self.loader_class(dpy.DpyLoader)
        main = space["main"]
        options = argparse.Namespace(interactive=False, quick=False, batch=True)
        if inspect.signature(main).parameters:
            main(options)
        else:
            main()


def points_to_refused(failure, refused):
    """Tells whether a row points to one that was refused, or is not there at all."""
    from django.apps import apps

    for _, label, key in failure["points"]:
        if (label, key) in refused:
            return True
        try:
            if not apps.get_model(label)._base_manager.filter(pk=key).exists():
                return True
        except Exception:
            return True
    return False


def points_of(obj):
    """Returns what a row points to: field, model and key of each that is set."""
    found = []
    for field in obj._meta.concrete_fields:
        remote = getattr(field, "remote_field", None)
        if remote is None or not hasattr(remote.model, "_meta"):
            continue
        try:
            value = field.value_from_object(obj)
        except Exception:
            continue
        if value is not None and value != "":
            found.append([field.name, remote.model._meta.label, str(value)[:LONGEST]])
    return found


# The scratch database


def create_tables(report):
    """Creates the table of every model as the code wants it.

    Not by `migrate` or Lino's `initdb`: they run the migrations of third parties
    and write new ones into the virtualenv.
    """
    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        # The rehearsal can be repeated, so no row needs to survive a power cut.
        cursor.execute("PRAGMA journal_mode = MEMORY")
        cursor.execute("PRAGMA synchronous = OFF")
    models = [m for m in apps.get_models() if m._meta.managed and not m._meta.proxy]
    with connection.schema_editor() as editor:
        for model in models:
            try:
                editor.create_model(model)
            except Exception as cause:
                report.say(table=model._meta.db_table, exception=class_name(cause), message=printable(str, cause))


def pretend_to_make(folder):
    """Has directories and links outside of the folder said to be made: a row may want one when it is validated."""
    folder = os.path.realpath(folder)

    def guarded(function, place):
        def make(*args, **options):
            path = os.fsdecode(args[place])
            if options.get("dir_fd") is not None:
                return function(*args, **options)
            whole = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
            if whole.startswith(folder + os.sep):
                return function(*args, **options)
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

        return make

    os.mkdir = guarded(os.mkdir, 0)
    os.symlink = guarded(os.symlink, 1)


def initialize_plugins(report):
    from django.conf import settings

    for plugin in settings.SITE.installed_plugins:
        if hasattr(plugin, "on_initdb"):
            try:
                plugin.on_initdb(settings.SITE, verbosity=0)
            except Exception as cause:
                report.say(
                    handler="on_initdb of " + plugin.app_label,
                    exception=class_name(cause), message=printable(str, cause), traceback=None,
                )


def main(script, out):
    out = os.path.abspath(out)
    folder = os.path.dirname(out)
    scratch = out + ".sqlite3"
    for path in (scratch, scratch + "-journal"):
        if os.path.exists(path):
            os.remove(path)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    script = os.path.abspath(script)
    simulate = beside("simulate")
    simulate.watch_writes(folder)
    pretend_to_make(folder)
    report = Report(out)
    began = time.monotonic()
    status = 0
    rehearsal = Rehearsal(script, report)
    try:
        simulate.load_site(scratch)
        rehearsal.engine = simulate.OWN["engine"]
        import django
        import lino
        from django.conf import settings

        report.say(
            format=FORMAT, script=script, lino=lino.__version__, django=django.get_version(),
            version=printable(str, settings.SITE.version), python="%d.%d.%d" % sys.version_info[:3],
        )
        create_tables(report)
        initialize_plugins(report)
        report.say(prepared=round(time.monotonic() - began, 3))
        rehearsal.run()
    except BaseException as cause:
        status = 1
        report.say(
            stopped=class_name(cause), message=printable(str, cause),
            traceback=formatted(cause),
        )
        if not isinstance(cause, Exception):
            raise
    finally:
        # What was refused before it had to stop.
        rehearsal.tell()
        report.say(
            ended=status == 0, loaded=rehearsal.loaded, refused=rehearsal.failed,
            tables={name: counts for name, counts in sorted(rehearsal.tables.items())},
            seconds=round(time.monotonic() - began, 3),
        )
    return status


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: rehearse.py SCRIPT OUT")
    sys.exit(main(*sys.argv[1:]))
