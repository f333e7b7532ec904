"""Loads a snapshot with the code in place into a scratch database, and reports every row that is refused.

    python rehearse.py SCRIPT OUT            runs the dump script SCRIPT, writes OUT, one JSON object in each line
    python rehearse.py SCRIPT OUT --retry    loads only what the last rehearsal refused, if that tells the same

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

The scratch database is kept, with OUT.state.json, which says what belongs to it,
and OUT.loaded.sqlite3, where handlers of a migrator have changed it afterwards.
A retry begins with them, and loads everything again when it cannot be sure that
the result is that of a whole rehearsal; it says why.

Works on Lino 20 to 26 (Python 3.7 and up); `again.py`, `facts.py` and
`simulate.py` must lie beside it.
"""

import argparse
import ast
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
TEXTS = ("CharField", "FileField", "FilePathField", "SlugField")  # Those that a database keeps short.
LONGEST = 2000  # characters of a message; values of rows may be in it
TRACEBACK = 20000  # characters of a traceback
# Before Lino adds to it, and before the dump script goes to another directory.
ENVIRONMENT, DIRECTORY = dict(os.environ), os.getcwd()

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
        self.path = path
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


def printable(function, *args, longest=LONGEST):
    """Returns what a function says of an object whose own code may fail."""
    try:
        return str(function(*args))[:longest]
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
        # Lino puts the name of the row before the message, so that every row has one of its own. The name may be a text
        # of any length.
        if printable(str, inner, longest=None) in printable(" ".join, cause.messages, longest=None):
            return inner
    return cause


def messages_of(cause):
    """Returns the messages by field; what is said of no field or of the whole row is under an empty name."""
    from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

    if getattr(cause, "lino_upgrade_field", None):
        return {cause.lino_upgrade_field: [printable(str, cause)]}
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

    __slots__ = ("table", "file", "line", "key", "gone", "lacks", "failure", "waits", "stored", "blocked", "unique")

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
        self.unique = False  # Whether it was refused because another row is like it.

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
    def __init__(self, script, report, last=None):
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
        self.rows = {}  # By row file: how many were read.
        self.refused = []  # What is to be known of each row for a retry.
        self.lacking = False  # Whether rows were loaded without fields that are gone.
        self.broken = False  # Whether something was not loaded for another reason.
        self.handlers = False
        self.remembers = False
        self.grown = {}  # By table: rows that were added, as far as is known.
        self.text = ""
        # What the last rehearsal left, in a retry: then only what it refused is loaded.
        self.last = last
        self.only = {}
        for name, line in refused_rows(last):
            self.only.setdefault(name, []).append(line)

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
            self.rows[self.row.file] = self.rows.get(self.row.file, 0) + 1
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
        row.unique = is_double(inner)
        if printable(str, inner).startswith("lino-upgrade:"):
            # The rehearsal forbade something; the restore would not.
            failure["forbidden"] = True
        return failure

    def model_of(self, table):
        return self.labels.get(table)

    def execute(self, name, *spaces):
        """Runs a row file; what is wrong with the file itself is told, and the others are still loaded."""
        path = os.path.join(self.folder, name)
        if self.last is not None and name not in self.only:
            return
        began = time.monotonic()
        try:
            if self.last is None:
                with open(path, "rb") as stream:
                    code = compile(stream.read(), name, "exec")
                exec(code, *spaces)
            else:
                for number, line in again.some_rows(path, self.only[name]):
                    tree = ast.increment_lineno(ast.parse(line), number - 1)
                    exec(compile(tree, name, "exec"), *spaces)
                self.loader.flush_deferred_objects()
        except Exception as cause:
            self.broken = True
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
                own = dict(globals_dict)
                super().__init__(globals_dict, *args, **options)
                rehearsal.loader = self
                rehearsal.look_at_migrator(self, own)
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

            def initialize(self):
                # In a retry they were run.
                if rehearsal.last is None:
                    super().initialize()

            def register_failure(self, wrapped, cause):
                row = getattr(wrapped, "lino_upgrade_row", None)
                if row is not None:
                    rehearsal.refuse(row, wrapped.object, cause, "save")
                # One list for each model: the messages would be its keys.
                later = self.save_later.setdefault(type(wrapped.object), {})
                later.setdefault("", []).append(wrapped)

            def finalize(self):
                self.flush_deferred_objects()
                rehearsal.before_handlers(self)
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
                loaded = self.loaded
                found = original(wrapped, *args, **options)
                if self.last is not None and self.loaded > loaded:
                    for table, _, _ in left_by(wrapped.object):
                        self.grown[table] = self.grown.get(table, 0) + 1
                return found
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
        left = {}
        for groups in (self.loader.save_later if self.loader else {}).values():
            for wrapped in (wrapped for group in groups.values() for wrapped in group):
                row = getattr(wrapped, "lino_upgrade_row", None)
                if row is not None and row.failure is not None:
                    rows[row.file, row.line] = row
                    row.waits = True
                    left.setdefault((row.file, row.line), []).extend(left_by(wrapped.object))
        refused = {(row.failure["model"], row.failure["key"]) for row in rows.values() if row.is_refused()}
        for place, row in sorted(rows.items()):
            if row.is_refused():
                self.refused.append([row.file, row.line, row.failure["messages"], left.get(place, [])])
            if row.lacks is not None:
                self.lacking = True
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

    # For a retry

    def look_at_migrator(self, loader, own):
        """Notes what of the migrator matters to a retry."""
        functions = [
            function for name, function in loader.globals_dict.items()
            if name.startswith("create_") and own.get(name) is not function
        ]
        before = getattr(loader, "before_load_handlers", []) or getattr(loader, "BEFORE_LOAD_HANDLERS", [])
        self.remembers = bool(before) or again.remembers(loader, functions + list(loader.AFTER_LOAD_HANDLERS))

    def before_handlers(self, loader):
        """Judges a retry, and keeps the scratch database as it is before handlers change it."""
        from django.db import connection

        if self.last is not None:
            self.judge(loader, connection)
        self.handlers = bool(loader.AFTER_LOAD_HANDLERS)
        if self.handlers:
            again.copy_database(connection, self.report.path + ".loaded.sqlite3")

    def judge(self, loader, connection):
        """Makes sure that a whole rehearsal would have come to the same end."""
        table = again.dangling(connection)
        if table is not None:
            raise again.Reason("Rows of %s point to a row that is refused now in another way." % table)
        former = {(name, line): messages for name, line, messages, _ in self.last["refused"]}
        waiting = [
            wrapped for groups in loader.save_later.values() for group in groups.values() for wrapped in group
        ]
        for row in self.not_created + [getattr(wrapped, "lino_upgrade_row", None) for wrapped in waiting]:
            if row is None or not row.unique:
                continue
            place = (row.file, row.line)
            if place in self.last["changed"] or former.get(place) != row.failure["messages"]:
                raise again.Reason("%s:%d may be like a row that is loaded later." % place)
        for wrapped in waiting:
            for table, _, _ in left_by(wrapped.object):
                self.grown[table] = self.grown.get(table, 0) + 1
        now = again.count_rows(connection)
        loads, tables = self.last["loads"], again.Script(self.text).functions
        places = {again.table_of(name, tables): place for place, name in enumerate(loads)}
        first = min([loads.index(name) for name in self.only], default=0)
        for table, count in sorted(now.items()):
            more = count - self.last["counts"].get(table, 0) - self.grown.get(table, 0)
            if more and places.get(table, -1) > first:
                raise again.Reason("Saving the rows changed %s, which is loaded after them." % table)

    def keep(self, folder, environment):
        """Keeps what a retry needs to know."""
        from django.db import connection

        if self.broken:
            return
        former = self.last or {"rows": {}, "loaded": 0}
        rows = dict(former["rows"])
        if self.last is None:
            rows = self.rows
        again.write(
            self.report.path + ".state.json", folder=folder, text=self.text, environment=environment,
            files=again.stamps(folder, self.text), loads=again.Script(self.text).loads, rows=rows,
            refused=self.refused, lacking=self.lacking, loaded=former["loaded"] + self.loaded,
            handlers=self.handlers, remembers=self.remembers,
            scratch=again.stamp(connection.settings_dict["NAME"]),
        )

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
            self.text = text = stream.read()
        text, repaired = repair(text)
        for why in repaired:
            self.report.say(repaired=why)
        space = {"__name__": "restore", "__file__": self.script, "__builtins__": __builtins__}
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


def repair(text):
    """Replaces what newer packages do not have any more; returns what was done, too."""
    done = []
    for pattern, instead, why in REPAIRS:
        text, times = pattern.subn(instead, text)
        if times:
            done.append(why)
    return text, done


def stand_in_for_six(report):
    if importlib.util.find_spec("six") is None:
        # Dumps of before 2026 need it for one function, which ours replaces.
        sys.modules["six"] = type(sys)("six")
        report.say(repaired="the package six is not installed")


def refused_rows(last):
    """Returns the rows that the last rehearsal refused: file and line."""
    return [(name, line) for name, line, _, _ in (last or {}).get("refused", ())]


def is_double(cause):
    """Tells whether a row was refused because there is one like it."""
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError

    if isinstance(cause, IntegrityError):
        return "UNIQUE" in printable(str, cause)
    if not isinstance(cause, ValidationError):
        return False
    errors = [error for group in cause.error_dict.values() for error in group] if hasattr(cause, "error_dict") else []
    return any(str(error.code).startswith("unique") for error in errors or getattr(cause, "error_list", ()))


def left_by(obj):
    """Returns the rows of an object that are in the database: table, column and value of each key."""
    from django.db import connection

    if obj._state.adding or obj.pk is None:
        return []
    # The children that a dump script makes are saved without their parents.
    own_save = "save" in vars(obj)
    models = [type(obj)] + ([] if own_save else list(obj._meta.get_parent_list()))
    found = []
    for model in models:
        if not model._meta.proxy:
            key = model._meta.pk
            value = key.get_db_prep_value(obj.pk, connection)
            found.append([model._meta.db_table, key.column, value])
    return found


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


def quickly():
    """Waives what only a power cut would need: a rehearsal can be repeated."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = MEMORY")
        cursor.execute("PRAGMA synchronous = OFF")


def create_tables(report):
    """Creates the table of every model as the code wants it.

    Not by `migrate` or Lino's `initdb`: they run the migrations of third parties
    and write new ones into the virtualenv.
    """
    from django.apps import apps
    from django.db import connection

    quickly()
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


def refuse_long_texts():
    """Refuses what the site's own database would: SQLite stores texts of any length, and not all rows are validated."""
    from django.db.models.signals import pre_save
    from django.db.utils import DataError

    def check(sender, instance, raw=False, update_fields=None, **options):
        fields = sender._meta.local_concrete_fields if raw else sender._meta.concrete_fields
        for field in fields:
            if field.get_internal_type() not in TEXTS or not field.max_length:
                continue
            if update_fields is not None and not {field.name, field.attname} & set(update_fields):
                continue
            value = field.get_prep_value(getattr(instance, field.attname))
            # Spaces too much are cut off without an error.
            if isinstance(value, str) and len(value.rstrip(" ")) > field.max_length:
                cause = DataError(
                    "The database takes at most %d characters (it has %d)." % (field.max_length, len(value))
                )
                cause.lino_upgrade_field = field.name
                raise cause

    pre_save.connect(check, weak=False)


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


def anew(script, out, reason):
    """Begins as a whole rehearsal, in a process that knows nothing of this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(DIRECTORY)
    own = os.path.abspath(__file__)
    os.execve(sys.executable, [sys.executable, "-u", own, script, out, "--because", str(reason)], ENVIRONMENT)


def remove(*paths):
    for path in paths:
        if os.path.exists(path):
            os.remove(path)


def before_loading(script, out):
    """Looks whether a retry is possible, as far as files tell; returns what the last rehearsal left."""
    last = again.read(out + ".state.json")
    scratch = out + ".sqlite3"
    if not os.path.exists(scratch) or again.stamp(scratch) != last["scratch"]:
        raise again.Reason("The scratch database is not as the last rehearsal left it.")
    if last["lacking"]:
        raise again.Reason("Rows were loaded without fields that the new version does not have.")
    if last["remembers"]:
        raise again.Reason("The migrator may remember rows that were loaded.")
    if last["handlers"] and not os.path.exists(out + ".loaded.sqlite3"):
        raise again.Reason("The scratch database is not as it was before the handlers of the migrator.")
    folder = os.path.dirname(script)
    with io.open(script, encoding="utf-8", errors="surrogateescape") as stream:
        text = stream.read()
    again.check_files(last, folder, text)
    refused = {}
    for name, line in refused_rows(last):
        refused.setdefault(name, []).append(line)
    scripts = [again.Script(last["text"]), again.Script(text)]
    again.check_loads(last, scripts[0], scripts[1], refused)
    for name in refused:
        again.check_rows(os.path.join(folder, name), name)
    tables = again.changed_tables(*scripts)
    return last, (tables, [repair(last["text"])[0], repair(text)[0]], scripts, folder, refused)


def take_again(last, out):
    """Brings the scratch database to where the refused rows are loaded into it."""
    from django.db import connection

    if last["handlers"]:
        connection.close()
        os.replace(out + ".loaded.sqlite3", out + ".sqlite3")
    quickly()
    again.remove_rows(connection, [row for _, _, _, left in last["refused"] for row in left])
    last["counts"] = again.count_rows(connection)


def main(script, out, retry=False, because=None):
    out = os.path.abspath(out)
    folder = os.path.dirname(out)
    scratch = out + ".sqlite3"
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    script = os.path.abspath(script)
    last = check = None
    if retry:
        try:
            last, check = before_loading(script, out)
        except again.Reason as cause:
            because = str(cause)
    # Whoever is killed from here on leaves nothing that is believed.
    remove(out + ".state.json")
    if last is None:
        remove(scratch, scratch + "-journal", out + ".loaded.sqlite3")
        # It will have all rows of the site, so it is for its owner alone, whatever the umask.
        os.close(os.open(scratch, os.O_WRONLY | os.O_CREAT, 0o600))
    simulate = beside("simulate")
    simulate.watch_writes(folder)
    pretend_to_make(folder)
    report = Report(out)
    began = time.monotonic()
    status = 0
    rehearsal = Rehearsal(script, report, last)
    try:
        simulate.load_site(scratch)
        rehearsal.engine = simulate.OWN["engine"]
        import django
        import lino
        from django.conf import settings

        environment = again.environment()
        if last is not None and last["environment"] != environment:
            raise again.Reason("The new version or its settings were changed since the last rehearsal.")
        report.say(
            format=FORMAT, script=script, lino=lino.__version__, django=django.get_version(),
            version=printable(str, settings.SITE.version), python="%d.%d.%d" % sys.version_info[:3],
        )
        if because:
            report.say(anew=because)
        stand_in_for_six(report)
        if any(name in engine for engine in simulate.ENGINES for name in ("postg", "mysql")):
            refuse_long_texts()
        if last is None:
            create_tables(report)
            initialize_plugins(report)
        else:
            last["changed"] = again.check_results(*check)
            take_again(last, out)
        report.say(prepared=round(time.monotonic() - began, 3))
        rehearsal.run()
        rehearsal.keep(os.path.dirname(script), environment)
    except again.Reason as cause:
        anew(script, out, cause)
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
            ended=status == 0, loaded=rehearsal.loaded, kept=last["loaded"] if last else 0, refused=rehearsal.failed,
            tables={name: counts for name, counts in sorted(rehearsal.tables.items())},
            seconds=round(time.monotonic() - began, 3),
        )
    return status


again = beside("again")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    parser.add_argument("out")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--because")
    options = parser.parse_args()
    sys.exit(main(options.script, options.out, options.retry, options.because))
