"""What a rehearsal leaves for the next one, so that only the refused rows are loaded again.

Used by `rehearse.py`, which must lie beside it.  Whatever is not known for sure
is a reason to load all rows again: a `Reason` with a sentence for people.
"""

import hashlib
import io
import json
import os
import re
import sys

FORMAT = 1
START = b"loader.save(create_"
# Of no consequence for what is loaded; they differ from terminal to terminal.
NOISE = re.compile(
    r"^(_|SHLVL|PWD|OLDPWD|TERM\w*|COLUMNS|LINES|COLORTERM|LS_COLORS|DISPLAY|WINDOWID|LESS\w*|PAGER|EDITOR|MAIL|"
    r"LOGNAME|HOSTNAME|TMPDIR|LINO_LOGLEVEL|LINO_UPGRADE_COMMAND|INVOCATION_ID|JOURNAL_STREAM|"
    r"(SSH|TMUX|XDG|DBUS|GPG|STY|VTE|GNOME|KDE|KONSOLE|WT|LC)(_\w+)?)$"
)


class Reason(Exception):
    """Why all rows are loaded again."""


# What is kept


def stamp(path):
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def stamps(folder, text):
    """Returns the stamps of all row files that a script names, also in a comment; none for those that are missing."""
    found = {}
    for name in sorted(set(re.findall(r"""execfile\(["']([^"']+)["']""", text))):
        path = os.path.join(folder, name)
        found[name] = stamp(path) if os.path.exists(path) else None
    return found


def write(path, **what):
    descriptor = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with io.open(descriptor, "w", encoding="utf-8") as stream:
        json.dump(dict(what, format=FORMAT), stream)
    os.replace(path + ".part", path)


def read(path):
    try:
        with io.open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError:
        raise Reason("No rehearsal came to its end before.")
    except (OSError, ValueError) as cause:
        raise Reason("What the last rehearsal left cannot be read: %s." % cause)
    if found.get("format") != FORMAT:
        raise Reason("The last rehearsal was made by another version of lino-upgrade.")
    return found


def environment():
    """Returns a digest of all that the new version is: its packages, its models, its settings."""
    import django
    from django.apps import apps
    from django.conf import settings

    digest = hashlib.sha256()

    def add(*what):
        digest.update(json.dumps(what, default=str).encode("utf-8") + b"\n")

    add(sys.version, sys.prefix, django.get_version(), str(settings.SITE.version))
    for name, value in sorted(os.environ.items()):
        if not NOISE.match(name):
            add(name, value)
    own = os.path.dirname(os.path.abspath(__file__))
    paths = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and os.path.dirname(os.path.abspath(path)) != own:
            paths.add(path)
    for path in sorted(paths):
        # The version of Python stands for its own library.
        if "-packages" not in path and path.startswith((sys.base_prefix + "/lib/", sys.prefix + "/lib/")):
            continue
        try:
            add(path, stamp(path)[:2])
        except OSError:
            add(path, None)
    for model in sorted(apps.get_models(include_auto_created=True), key=lambda model: model._meta.label):
        add(model._meta.label, model._meta.db_table)
        for field in model._meta.local_fields:
            # Functions and objects print their address.
            add(field.name, re.sub(r" at 0x[0-9a-f]+", "", repr(field.deconstruct())))
    return digest.hexdigest()


# The dump script


class Script:
    """The parts of a dump script, without comments and blank lines."""

    def __init__(self, text):
        self.functions = {}  # Of each table.
        self.values = {}  # Of each name that is assigned.
        self.loads = []
        self.rest = []
        for block in self.blocks(text):
            first = block[0]
            function = re.match(r"def create_(\w+)\(", first)
            value = re.match(r"(\w+) = ", first)
            if function:
                self.functions[function.group(1)] = "\n".join(block)
            elif value and value.group(1) != "SOURCE_VERSION":
                self.values[value.group(1)] = "\n".join(block)
            else:
                for line in block:
                    load = re.match(r"""\s+execfile\(["']([^"']+)["']""", line)
                    if load:
                        self.loads.append(load.group(1))
                    else:
                        self.rest.append(line)

    @staticmethod
    def blocks(text):
        block = []
        for line in text.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if block and line[0] not in " \t})]":
                yield block
                block = []
            block.append(line.rstrip())
        if block:
            yield block

    def models(self):
        """Returns the variables that hold models, with the names of the models."""
        found = {}
        for name, text in self.values.items():
            model = re.match(r"""\w+ = resolve_model\(["']([^"']+)["']\)$""", text)
            if model:
                found[name] = model.group(1)
        return found


def changed_tables(old, new):
    """Returns the tables whose rows may become something else, without looking at any row."""
    if old.rest != new.rest:
        raise Reason("The dump script was changed in another way than by decisions.")
    names = {name for name in set(old.values) | set(new.values) if old.values.get(name) != new.values.get(name)}
    mentions = re.compile(r"\b(%s)\b" % "|".join(map(re.escape, sorted(names)))) if names else None
    models = names & (set(old.models()) | set(new.models()))
    found = set()
    for table in set(old.functions) | set(new.functions):
        one, other = old.functions.get(table), new.functions.get(table)
        if one is None or other is None:
            raise Reason("The dump script was changed in another way than by decisions.")
        both = one + other
        if one != other or mentions and mentions.search(both) or models and "new_content_type_id(" in both:
            found.add(table)
    return found


def check_files(last, folder, text):
    """Makes sure that the snapshot is the same, as far as its files tell."""
    if last["folder"] != folder:
        raise Reason("The last rehearsal loaded another snapshot.")
    # The scripts may name other files; those of the last one are the ones that were loaded.
    now = dict(stamps(folder, last["text"]), **stamps(folder, text))
    for name, found in sorted(now.items()):
        if name not in last["files"] or last["files"][name] != found:
            raise Reason("%s was changed since the last rehearsal." % name)


def check_loads(last, old, new, refused):
    """Makes sure that no row that was loaded is left out with its file, and none comes back."""
    came = [name for name in new.loads if name not in old.loads]
    if came:
        raise Reason("%s is loaded now, and was not before." % came[0])
    if [name for name in old.loads if name in new.loads] != new.loads:
        raise Reason("The dump script loads the tables in another order.")
    for name in old.loads:
        if name not in new.loads and last["rows"].get(name, 0) > len(refused.get(name, ())):
            raise Reason("%s is not loaded any more, and rows of it were." % name)


# Rows


def is_usual(line):
    """Tells whether `dump2py` writes such a line."""
    return not line.strip() or line.startswith((START, b"#", b"logger.info(", b"loader.flush_deferred_objects()"))


def check_rows(path, name):
    """Makes sure that single rows of a file can be run without the others."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            if not is_usual(line):
                raise Reason("%s was edited by hand in line %d." % (name, number))
            if line.startswith(START) and not line.rstrip().endswith(b"))"):
                raise Reason("%s was edited by hand in line %d." % (name, number))


def some_rows(path, numbers):
    """Returns some lines of a row file."""
    wanted = set(numbers)
    with open(path, "rb") as stream:
        return [(number, line) for number, line in enumerate(stream, 1) if number in wanted]


class Variable:
    """Stands for a model in a row."""

    def __init__(self, name):
        self.name = name


def functions(text, models):
    """Returns what the script defines, where each model only notes what it is given."""
    space = {"__name__": "restore", "__file__": "restore.py", "__builtins__": __builtins__}
    exec(compile(text, "restore.py", "exec"), space)

    def noting(model):
        return lambda *args, **named: (model, args, named)

    made = {name: noting(model) for name, model in models.items()}
    space.update(made)
    space["new_content_type_id"] = lambda model: model and ("content type", getattr(model, "name", model))
    labels = {id(function): model for model, function in ((models[name], made[name]) for name in made)}

    def create_mti_child(parent, key, child, **named):
        return (labels.get(id(parent)), key, labels.get(id(child)), named)

    space["create_mti_child"] = create_mti_child
    return space


def check_results(tables, texts, scripts, folder, refused):
    """Makes sure that each row of these tables that was loaded becomes the same as before; returns the others."""
    changed = set()
    if not tables:
        return changed
    spaces, models = [], []
    for text, script in zip(texts, scripts):
        models.append(script.models())
        try:
            spaces.append(functions(text, models[-1]))
        except Exception as cause:
            raise Reason("The dump script cannot be run without loading it: %s." % cause)

    def result(place, table, args):
        given = [
            ("model", models[place].get(value.name)) if isinstance(value, Variable) else value for value in args
        ]
        return spaces[place]["create_" + table](*given)

    for name in scripts[0].loads:
        table = table_of(name, scripts[0].functions)
        if table not in tables or name not in scripts[1].loads:
            continue
        own = frozenset(refused.get(name, ()))

        def compare(*args):
            line = sys._getframe(1).f_lineno
            try:
                same = result(0, table, args) == result(1, table, args)
            except Exception as cause:
                if line not in own:
                    raise Reason("What becomes of %s:%d cannot be told without loading it: %s." % (name, line, cause))
                same = False
            if not same and line in own:
                changed.add((name, line))
            elif not same:
                raise Reason("A decision changes %s:%d, which was loaded." % (name, line))
            return None

        space = dict(spaces[0])
        space.update({variable: Variable(variable) for variable in models[0]})
        space.update({"create_" + table: compare, "loader": Nothing(), "logger": Nothing()})
        with open(os.path.join(folder, name), "rb") as stream:
            code = compile(stream.read(), name, "exec")
        try:
            exec(code, space)
        except Reason:
            raise
        except Exception as cause:
            raise Reason("%s cannot be read without loading it: %s." % (name, cause))
    return changed


class Nothing:
    """Takes whatever a row file does with the loader."""

    def __getattr__(self, name):
        return lambda *args, **named: None


def table_of(name, tables):
    """Returns the table of a row file; a table may end with a number as well."""
    whole = re.sub(r"\.py$", "", os.path.basename(name))
    return whole if whole in tables else re.sub(r"_\d+$", "", whole)


# The scratch database


def count_rows(connection):
    """Counts the rows of all tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = [name for name, in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute("SELECT COUNT(*) FROM %s" % connection.ops.quote_name(name))
            found[name] = cursor.fetchone()[0]
    return found


def copy_database(connection, path):
    """Copies the scratch database as it is now."""
    import sqlite3

    if os.path.exists(path):
        os.remove(path)
    copy = sqlite3.connect(path)
    os.chmod(path, 0o600)
    try:
        connection.ensure_connection()
        connection.connection.backup(copy)
    finally:
        copy.close()


def remove_rows(connection, left):
    """Removes what rows that were refused have left: Lino saves some of them without what they point to."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        for table, column, key in left:
            cursor.execute(
                "DELETE FROM %s WHERE %s = %%s" % (connection.ops.quote_name(table), connection.ops.quote_name(column)),
                [key],
            )
        cursor.execute("PRAGMA foreign_keys = ON")


def dangling(connection):
    """Returns a table whose rows point to nothing; none when there is none."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_key_check")
        found = cursor.fetchone()
    return found[0] if found else None


def remembers(loader, functions):
    """Tells whether these functions of the migrator may keep something of the rows for others or for a handler."""

    def has_container(value):
        return any(isinstance(inner, (list, dict, set)) for inner in vars(value).values())

    def mutable(value, depth):
        if value is loader.globals_dict or isinstance(value, (type, type(os))):
            return False
        if isinstance(value, (list, dict, set)):
            return True
        if type(value).__name__ == "Migrator" or any(base.__name__ == "Migrator" for base in type(value).__mro__):
            return has_container(value)
        return callable(value) and depth < 4 and keeps(value, depth + 1)

    def keeps(function, depth):
        owner = getattr(function, "__self__", None)
        if owner is not None and mutable(owner, depth):
            return True
        for cell in getattr(function, "__closure__", None) or ():
            try:
                if mutable(cell.cell_contents, depth):
                    return True
            except ValueError:  # It is empty.
                continue
        return False

    return any(keeps(function, 0) for function in functions)
