"""Describes a Lino site as its own Python sees it.

    python -u facts.py OUT             writes the facts as one JSON object to the file OUT
    python -u facts.py --connection    prints how to connect to the database, password included

Run it with the site's own Python, in the directory that holds `manage.py`.
It loads the site the way `manage.py` does and only reads.  The facts never
hold a password; the connection goes to standard output alone, as one line that
starts with MARKER, for the parent process to read from a pipe.

One file for both, because both must find and load the site in the same way,
and because a second module beside it would have to be importable next to the
modules of the site.

It does not judge anything: a value that cannot be determined is null, and
what went wrong is said in `error`.  Works on Lino 20 to 26 (Python 3.7 and up).

With the answer comes what it rests on (`sources`): as long as all of that is as
it was, the same question has the same answer and need not be asked again.
"""

import io
import json
import os
import re
import runpy
import sys
import traceback

FORMAT = 1
MARKER = "@lino-upgrade-connection "
CONNECT_TIMEOUT = 10  # seconds, unless the site's settings say otherwise
HIDDEN = "********"


class Reached(BaseException):
    """Ends `manage.py` where Django would take over."""


class Stage(Exception):
    """A cause together with what was being done."""

    def __init__(self, name, cause):
        super().__init__(name)
        self.name = name
        self.cause = cause


# What the answer rests on

# What these run cannot be seen from here.
STRANGERS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
# The system's list of libraries, which changes when one is installed.
LIBRARIES = "/etc/ld.so.cache"
# Their times change by being looked at, or mean nothing.
NO_SOURCES = ("/proc/", "/sys/", "/dev/")


def seeks_library():
    """Tells whether Python looks for a library in C, for which it starts linkers and compilers."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "ctypes.util":
            return True
        frame = frame.f_back
    return False


class Sources:
    """Notes which files the site's code reads, which directories it searches, and what it only looks for.

    Not seen: what a library in C reads, and the environment, which is the asker's own.
    """

    def __init__(self):
        self.files = set()
        self.directories = set()
        self.looked_for = {}
        self.strange = not hasattr(sys, "addaudithook")  # Python 3.7
        self.open = True
        self.settings_loaded = False

    def listen(self):
        if not self.strange:
            sys.addaudithook(self.hear)
            self.watch_stat()

    def hear(self, event, arguments):
        if not self.open:
            return
        if event == "open":
            name, mode, flags = arguments
            writes = set("wax+") & set(mode) if isinstance(mode, str) else flags & os.O_ACCMODE != os.O_RDONLY
            if not writes:
                self.note(self.files.add, name)
        elif event in ("os.listdir", "os.scandir"):
            self.note(self.directories.add, "." if arguments[0] is None else arguments[0])
        elif event in STRANGERS and seeks_library():
            self.files.add(LIBRARIES)
        elif event in STRANGERS or event == "socket.connect" and not self.settings_loaded:
            self.strange = True

    def note(self, add, name):
        # Whatever happens here must not stop the site's code.
        try:
            if not isinstance(name, int):
                add(os.path.join(os.getcwd(), os.fsdecode(name)))
        except Exception:
            self.strange = True

    def look(self, name, found):
        if self.open:
            self.note(lambda path: self.looked_for.__setitem__(path, found), name)

    def watch_stat(self):
        """Hears of files that are only looked for: there is no audit event of that."""
        look = os.stat

        def stat(path, *args, **kwargs):
            try:
                found = look(path, *args, **kwargs)
            except OSError:
                self.look(path, False)
                raise
            self.look(path, True)
            return found

        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if look in able:
                able.add(stat)
        os.stat = stat

    def facts(self):
        """Returns the paths, sorted; None when the answer rests on more than can be named."""
        self.open = False
        if self.strange:
            return None
        # What was loaded before anybody listened.
        for module in list(sys.modules.values()):
            name = getattr(module, "__file__", None)
            if isinstance(name, str):
                self.note(self.files.add, name)
        for name in list(sys.path) + list(sys.path_importer_cache):
            if isinstance(name, str):
                self.note(self.directories.add, name or ".")
        for directory in list(self.directories):
            if os.path.isfile(directory):  # An archive with modules.
                self.files.add(directory)
                self.directories.discard(directory)
            elif directory.endswith("-packages"):
                names = os.listdir(directory) if os.path.isdir(directory) else ()
                self.files.update(os.path.join(directory, n) for n in names if n.endswith(".pth"))
        here = os.path.dirname(os.path.abspath(__file__))

        def counts(name):
            own = name == here or name.startswith(here + os.sep)
            # Byte code is as its source is.
            return not (own or name.startswith(NO_SOURCES) or "/__pycache__/" in name)

        for name in self.files | self.directories:
            self.looked_for.pop(name, None)
        return {
            "files": sorted(filter(counts, self.files)),
            "directories": sorted(filter(counts, self.directories)),
            "present": sorted(name for name, found in self.looked_for.items() if found and counts(name)),
            "absent": sorted(name for name, found in self.looked_for.items() if not found and counts(name)),
        }


SOURCES = Sources()


# Loading the site


def at_stage(name, function, *args):
    """Calls the function; whatever stops it, an exit included, is a Stage."""
    try:
        return function(*args)
    except Stage:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as cause:
        raise Stage(name, cause) from cause


def open_no_log():
    """Lets log files be opened when something is written to them: else a question would create the site's log.

    It could even belong to another user then than the one who serves the site.
    """
    import logging

    begin = logging.FileHandler.__init__

    def __init__(self, filename, mode="a", encoding=None, delay=False, **more):
        begin(self, filename, mode, encoding, True, **more)

    logging.FileHandler.__init__ = __init__


def find_settings():
    """Runs `manage.py` up to Django, for its settings module and search path.

    Sites differ in how they set these two; running the file is the only way
    that is right for all of them.
    """
    project = os.getcwd()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [project] + [
        p for p in sys.path if os.path.abspath(p or project) not in (here, project)
    ]
    sys.argv[:] = ["manage.py", "facts"]

    import django.core.management as management

    if os.path.exists("manage.py"):

        def stop(*args, **kwargs):
            raise Reached()

        execute = management.ManagementUtility.execute
        management.ManagementUtility.execute = stop
        try:
            runpy.run_path(os.path.join(project, "manage.py"), run_name="__main__")
        except Reached:
            pass
        finally:
            management.ManagementUtility.execute = execute
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise RuntimeError(
            "neither manage.py nor the environment names a DJANGO_SETTINGS_MODULE"
        )


def load_settings():
    from django.conf import settings

    settings.INSTALLED_APPS  # Django imports the module at the first access.
    SOURCES.settings_loaded = True
    return settings


def load_site(settings):
    site = getattr(settings, "SITE", None)
    if site is None or not hasattr(site, "installed_plugins"):
        raise RuntimeError("this Django project is not a Lino site: no SITE in its settings")
    return site


def load_models():
    import django

    django.setup()


# Keeping secrets out

# A quoted value after `:` or `=`, closed or not, and a bare one after `=`.
PROBABLY_SECRET = re.compile(
    r"""(?ix) ( \w* (?: passw(?:or)?d | secret | token | api_?key ) \w* ["']? \s* )
        (?: ( [:=] \s* ) [rbuf]*["'] .+ | ( = \s* ) [^\s"',)]+ )"""
)
PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^@\s]+@")
PASSWORD_IN_SOURCE = re.compile(r"""PASSW(?:OR)?D["']?\s*[:=]\s*(["'])(.+?)\1""", re.I)


def secrets():
    """Returns every password that could turn up in a message, longest first."""
    found = {os.environ.get(name) for name in ("PGPASSWORD", "MYSQL_PWD")}
    module = sys.modules.get("django.conf")
    try:
        if module is not None and module.settings.configured:
            for entry in module.settings.DATABASES.values():
                options = entry.get("OPTIONS") or {}
                found.add(entry.get("PASSWORD"))
                found.update(options.get(key) for key in ("password", "passwd"))
    except Exception:
        pass  # Broken settings: their source is read instead.
    for path in settings_files():
        try:
            with io.open(path, encoding="utf-8", errors="replace") as stream:
                found.update(match[1] for match in PASSWORD_IN_SOURCE.findall(stream.read()))
        except OSError:
            pass
    return sorted({str(secret) for secret in found if secret}, key=len, reverse=True)


def settings_files():
    yield "settings.py"
    name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    parts = name.split(".")
    for folder in sys.path:
        for n in range(1, len(parts) + 1):
            base = os.path.join(folder, *parts[:n])
            for path in (base + ".py", os.path.join(base, "settings.py")):
                if os.path.isfile(path):
                    yield path


def scrub(text):
    """Hides passwords in text that others wrote: messages and tracebacks.

    Not for names and other values with a meaning of their own: a site whose
    password is `lino` would lose them all.
    """
    if text is None:
        return None
    text = str(text)
    for secret in secrets():
        for form in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}:
            text = text.replace(form, HIDDEN)
    text = PASSWORD_IN_URL.sub(r"\1" + HIDDEN + "@", text)
    return PROBABLY_SECRET.sub(lambda m: m[1] + (m[2] or m[3]) + HIDDEN, text)


# Facts


def text_or_none(value):
    return None if value is None else str(value)


def attempt(function, *args):
    """Returns what the function returns, or None if it fails."""
    try:
        return function(*args)
    except Exception:
        return None


def python_facts():
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "executable": sys.executable,
        "prefix": sys.prefix,
    }


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_facts():
    try:
        from importlib.metadata import distributions
    except ImportError:  # Python 3.7
        import pkg_resources

        return {d.project_name: d.version for d in pkg_resources.working_set}
    found = {}
    for distribution in distributions():
        name = attempt(lambda: distribution.metadata["Name"])
        if name:
            found.setdefault(name, distribution.version)  # The first on sys.path counts.
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def requirement_facts(site):
    return sorted({str(requirement) for requirement in site.get_requirements()})


def missing_facts(requirements, installed):
    """Names the requirements that no installed package satisfies, by name only."""
    have = {normalized(name) for name in installed}
    missing = []
    for requirement in requirements:
        match = re.search(r"#egg=([\w.-]+)", requirement) or re.match(
            r"\s*([A-Za-z0-9][\w.-]*)\s*(?:$|[\[<>=!~;@ (])", requirement
        )
        if match and normalized(match.group(1)) not in have:
            missing.append(match.group(1))
    return missing


def version_returned(method):
    """Returns the version that a step of the migrator says it reaches.

    Read from its source, because only loading a dump may run it; None when it
    returns something else than one text.
    """
    import ast
    import inspect
    import textwrap

    class Returns(ast.NodeVisitor):
        def __init__(self):
            self.found = set()

        def visit_inner(self, node):
            """A function inside has returns of its own."""

        visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_inner

        def visit_Return(self, node):
            try:
                self.found.add(ast.literal_eval(node.value))
            except Exception:
                self.found.add(None)

    returns = Returns()
    for statement in ast.parse(textwrap.dedent(inspect.getsource(method))).body[0].body:
        returns.visit(statement)
    versions = list(returns.found)
    return versions[0] if len(versions) == 1 and isinstance(versions[0], str) else None


def functions_named(method):
    """Returns the tables whose create functions the source of a step names."""
    import inspect

    return sorted(set(re.findall(r"\bcreate_(\w+)", inspect.getsource(method))))


def migrator_facts(site):
    name = getattr(site, "migration_class", None)
    facts = {
        "migration_class": text_or_none(name),
        "migrate_from": [],
        "migrations": [],
        "migration_error": None,
    }
    if not name:
        return facts
    try:
        from django.utils.module_loading import import_string

        migrator = import_string(name) if isinstance(name, str) else name
        prefix = "migrate_from_"
        methods = [m[len(prefix):] for m in dir(migrator) if m.startswith(prefix)]
        facts["migrate_from"] = sorted(
            (m.replace("_", ".") for m in methods),
            key=lambda v: [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in v.split(".")],
        )
        for version in facts["migrate_from"]:
            method = getattr(migrator, prefix + version.replace(".", "_"))
            to = attempt(version_returned, method)
            creates = attempt(functions_named, method) or []
            facts["migrations"].append(
                {"from": version, "to": to, "doc": text_or_none(method.__doc__), "creates": creates}
            )
    except Exception as cause:
        facts["migration_error"] = scrub("%s: %s" % (type(cause).__name__, cause))
    return facts


def site_dir(site):
    """Returns the directory of the site's own files, called `cache_dir` in older releases."""
    return text_or_none(
        getattr(site, "site_dir", None)
        or getattr(site, "cache_dir", None)
        or getattr(site, "project_dir", None)
    )


def site_facts(settings, site):
    plugins = attempt(lambda: site.plugins)
    linod = attempt(lambda: plugins.linod) if site.is_installed("linod") else None
    languages = attempt(lambda: [language.name for language in site.languages])
    facts = {
        "name": text_or_none(site.verbose_name),
        "version": text_or_none(site.version),
        "title": text_or_none(site.title),
        "url": text_or_none(getattr(site, "server_url", None)),
        "settings_module": os.environ.get("DJANGO_SETTINGS_MODULE"),
        "project_dir": text_or_none(site.project_dir),
        "site_dir": site_dir(site),
        "languages": languages or [],
        "strict_choicelist_values": getattr(site, "strict_choicelist_values", None),
        "default_ui": text_or_none(getattr(site, "default_ui", None)),
        "use_linod": bool(
            getattr(linod, "use_channels", False) or getattr(site, "use_linod", False)
        ),
        "time_zone": settings.TIME_ZONE,
        "use_tz": bool(settings.USE_TZ),
    }
    facts.update(migrator_facts(site))
    return facts


def plugin_facts(site):
    def version(plugin):
        """Plugins have no version of their own: that of their package counts."""
        package = sys.modules.get(plugin.app_name.split(".")[0])
        return text_or_none(getattr(package, "__version__", None))

    return [
        {
            "app_label": plugin.app_label,
            "app_name": plugin.app_name,
            "verbose_name": attempt(lambda: str(plugin.verbose_name)),
            "version": attempt(version, plugin),
        }
        for plugin in site.installed_plugins
    ]


def engine_name(backend):
    """Returns the kind of database behind a Django backend, variants included."""
    for engine, words in (
        ("sqlite", ("sqlite", "spatialite")),
        ("postgresql", ("postgresql", "postgis", "psycopg")),
        ("mysql", ("mysql", "mariadb")),
    ):
        if any(word in backend.lower() for word in words):
            return engine
    return backend


def database_facts(settings):
    entry = settings.DATABASES["default"]
    backend = entry.get("ENGINE") or ""
    options = entry.get("OPTIONS") or {}
    return {
        "engine": engine_name(backend),
        "backend": backend,
        "name": text_or_none(entry.get("NAME")),
        "host": text_or_none(entry.get("HOST")) or None,
        "port": text_or_none(entry.get("PORT")) or None,
        "user": text_or_none(entry.get("USER")) or None,
        "has_password": bool(
            entry.get("PASSWORD") or options.get("password") or options.get("passwd")
        ),
        "options_keys": sorted(options),
        "other_databases": sorted(set(settings.DATABASES) - {"default"}),
        "reachable": None,
        "server_version": None,
        "error": None,
    }


VERSION_QUERIES = {
    "sqlite": "SELECT sqlite_version()",
    "postgresql": "SHOW server_version",
    "mysql": "SELECT VERSION()",
}


def mark_session(cursor):
    """Takes the lock by which MySQL tells our sessions from others; a cluster has no such locks."""
    try:
        cursor.execute("SELECT GET_LOCK(CONCAT('lino-upgrade-', CONNECTION_ID()), 0)")
        cursor.fetchone()
    except Exception:
        pass


def probe(facts):
    """Asks the database for its version.

    Comes before the models, because Lino looks into the database when it loads
    them.  One that cannot be reached is not tried again: each try may take as
    long as the first, and SQLite would create the file that is missing.
    """
    from django.db import OperationalError, connection

    answer = {"reachable": False, "server_version": None, "error": None}
    try:
        name = facts["name"] or ""
        in_memory = not name or ":memory:" in name or "mode=memory" in name
        if facts["engine"] == "sqlite" and not in_memory:
            path = name[5:].split("?")[0] if name.startswith("file:") else name
            if not os.path.isfile(path):  # Connecting would create it.
                raise RuntimeError("there is no file %s" % path)
        if facts["engine"] in ("postgresql", "mysql"):
            connection.settings_dict.setdefault("OPTIONS", {}).setdefault(
                "connect_timeout", CONNECT_TIMEOUT
            )
        with connection.cursor() as cursor:
            query = VERSION_QUERIES.get(facts["engine"])
            if query:
                cursor.execute(query)
                answer["server_version"] = str(cursor.fetchone()[0])
            if facts["engine"] == "mysql":
                mark_session(cursor)
        answer["reachable"] = True
    except Exception as cause:
        message = scrub("%s: %s" % (type(cause).__name__, cause))
        answer["error"] = message
        connection.close()

        def refuse(*args, **kwargs):
            raise OperationalError("the database is not reachable")

        connection.connect = refuse
    return answer


def model_name(model):
    """`app.Model`, Lino's full model name; a target that was never found is a string."""
    if isinstance(model, str):
        return model
    return "%s.%s" % (model._meta.app_label, model._meta.object_name)


def choice_facts(field):
    """Returns the choicelist's name and the [value, text] pairs that the field admits."""
    choicelist = getattr(field, "choicelist", None)
    if choicelist is not None and not isinstance(choicelist, str):
        name = "%s.%s" % (choicelist.app_label, choicelist.__name__)
        items = attempt(lambda: list(choicelist.get_list_items())) or []
        return name, [[text_or_none(item.value), attempt(str, item)] for item in items]
    pairs = attempt(lambda: list(field.flatchoices)) or []
    pairs = [[plain(value), attempt(str, text)] for value, text in pairs]
    return None, pairs or None


def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(getattr(value, "value", value))


def default_facts(field):
    from django.db.models import NOT_PROVIDED

    if field.default is NOT_PROVIDED:
        return None
    value = field.default
    if callable(value) and hasattr(value, "__qualname__"):
        text = "%s.%s()" % (getattr(value, "__module__", ""), value.__qualname__)
    else:
        text = attempt(repr, value) or type(value).__name__
    # A repr with an address differs from run to run.
    return scrub(re.sub(r" at 0x[0-9a-f]+", "", text)[:200])


def validator_facts(field):
    """Returns the validators given to this field; those of its class are known by the class."""
    found = []
    for validator in getattr(field, "_validators", None) or ():
        if isinstance(validator, type) or not hasattr(type(validator), "__module__"):
            continue
        plain_function = hasattr(validator, "__qualname__")
        named = validator if plain_function else type(validator)
        arguments = ""
        if hasattr(validator, "limit_value"):
            limit = validator.limit_value
            arguments = str(limit() if callable(limit) else limit)
        elif hasattr(validator, "regex"):
            pattern = validator.regex
            arguments = repr(getattr(pattern, "pattern", pattern))
            if getattr(validator, "inverse_match", False):
                arguments += ", inverse"
        elif hasattr(validator, "deconstruct"):
            args, kwargs = validator.deconstruct()[1:]
            kwargs = {name: value for name, value in kwargs.items() if name not in ("message", "code")}
            parts = [repr(arg) for arg in args] + ["%s=%r" % pair for pair in sorted(kwargs.items())]
            arguments = ", ".join(parts)
        arguments = scrub(re.sub(r" at 0x[0-9a-f]+", "", arguments)[:200])
        found.append({"class": "%s.%s" % (named.__module__, named.__qualname__), "arguments": arguments})
    return found


def filled_facts(model):
    """Returns those required fields to which the model's own code may give a value.

    That is, to an attribute of that name, anywhere in its methods: Lino fills
    fields when a row is validated, often by another method.  Only a row would
    tell more.  Django's own classes are left out.
    """
    import dis

    wanted = {}
    for field in model._meta.local_concrete_fields:
        if not (field.null or field.has_default() or field.primary_key):
            wanted.update({field.name: field.name, field.attname: field.name})
    found = set()
    for base in model.__mro__ if wanted else ():
        if base.__module__.partition(".")[0] in ("django", "builtins"):
            continue
        for name, method in list(vars(base).items()):
            if name in ("on_create", "on_duplicate") or name.endswith("_changed"):
                continue
            code = getattr(getattr(method, "__func__", method), "__code__", None)
            if code is None or not wanted.keys() & set(code.co_names):
                continue
            for instruction in dis.get_instructions(code):
                if instruction.opname == "STORE_ATTR" and instruction.argval in wanted:
                    found.add(wanted[instruction.argval])
    return found


def field_facts(field, connection, filled=()):
    choicelist, choices = choice_facts(field)
    remote = getattr(field, "remote_field", None)
    target = attempt(lambda: model_name(remote.model)) if remote else None
    on_delete = getattr(getattr(remote, "on_delete", None), "__name__", None)
    target_column = attempt(lambda: field.target_field.column) if remote else None
    parameters = attempt(field.db_parameters, connection) or {}
    babel_of = getattr(field, "_lino_babel_field", None)
    babel = bool(babel_of) or any(
        base.__name__ in ("BabelCharField", "BabelTextField") for base in type(field).__mro__
    )
    return {
        "name": field.name,
        "attname": field.attname,
        "column": field.column,
        "class": type(field).__name__,
        "db_type": attempt(field.db_type, connection),
        # Django 3 says [] for none.
        "db_check": text_or_none(parameters.get("check") or None),
        "db_collation": parameters.get("collation"),
        "null": field.null,
        "blank": field.blank,
        "editable": field.editable,
        "unique": field.unique,
        "primary_key": field.primary_key,
        "max_length": field.max_length,
        "max_digits": getattr(field, "max_digits", None),
        "decimal_places": getattr(field, "decimal_places", None),
        "choices": choices,
        "choicelist": choicelist,
        "has_default": field.has_default(),
        "default": default_facts(field),
        "target": target,
        "target_column": target_column,
        "auto_now": bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)),
        "filled": field.name in filled,
        "validators": attempt(validator_facts, field) or [],
        "db_constraint": getattr(field, "db_constraint", None) if remote else None,
        "on_delete": on_delete,
        "babel": babel,
        "babel_of": babel_of if isinstance(babel_of, str) else None,
    }


def unique_facts(meta):
    """Returns the sets of fields that must be unique together for every row."""
    found = [list(names) for names in meta.unique_together]
    for constraint in getattr(meta, "constraints", ()):
        names = getattr(constraint, "fields", None)
        if names and getattr(constraint, "condition", None) is None:
            if type(constraint).__name__ == "UniqueConstraint":
                found.append(list(names))
    return found


def constraint_facts(meta):
    """Returns the other rules that the database keeps for every row, as texts."""
    found = []
    for constraint in getattr(meta, "constraints", ()):
        plain_unique = type(constraint).__name__ == "UniqueConstraint" and getattr(constraint, "fields", None)
        if plain_unique and getattr(constraint, "condition", None) is None:
            continue
        path, args, kwargs = constraint.deconstruct()
        parts = [repr(arg) for arg in args] + ["%s=%r" % pair for pair in sorted(kwargs.items())]
        text = "%s(%s)" % (path.split(".")[-1], ", ".join(parts))
        found.append(scrub(re.sub(r" at 0x[0-9a-f]+", "", text)[:300]))
    return sorted(found)


# The code that checks rows

# What a restore runs for each row, besides Django's own.
OF_MODEL = (
    "before_dumpy_save", "full_clean", "clean", "clean_fields", "validate_unique",
    "validate_constraints", "save", "save_base",
)
OF_FIELD = (
    "clean", "validate", "run_validators", "to_python", "get_prep_value", "get_db_prep_save", "pre_save",
)


def shape(node):
    """Returns what a piece of Python does as a text that is the same for every version of Python.

    Comments, docstrings, annotations and the layout are not in it.
    """
    import ast

    if isinstance(node, list):
        return "[%s]" % ",".join(shape(part) for part in node)
    if not isinstance(node, ast.AST):
        return repr(node)
    kind = type(node).__name__
    if kind in ("Load", "Store", "Del"):
        return ""
    if kind == "Index":  # Python 3.8
        return shape(node.value)
    if kind in ("Constant", "NameConstant"):
        return repr(node.value)
    if kind in ("Num", "Str", "Bytes", "Ellipsis"):  # Python 3.7
        return repr(node.n if kind == "Num" else Ellipsis if kind == "Ellipsis" else node.s)
    parts = []
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment", "type_params", "kind"):
            continue
        if name == "body" and kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef") and ast.get_docstring(node, False):
            value = value[1:]
        if value is None or value == []:
            continue
        parts.append("%s=%s" % (name, shape(value)))
    return "%s(%s)" % (kind, ",".join(parts))


class Rules:
    """Finds the functions that a restore runs for a row, as far as Lino or the application have written them.

    Starts at the methods above and follows the names that their code mentions:
    to the same model and to functions of the same module.  Django's own rules
    are known by what is said of fields and constraints.  What a name stands
    for is a guess: a function too many does no harm but when it changes.
    """

    def __init__(self, site):
        self.roots = {plugin.app_name.split(".")[0] for plugin in site.installed_plugins} | {"lino"}
        self.roots.add((os.environ.get("DJANGO_SETTINGS_MODULE") or "lino").split(".")[0])
        self.roots.discard("django")
        self.found = {}  # Fingerprints by name.
        self.known = {}  # Names by function.

    def function(self, value):
        """Returns the function behind an attribute if it is one of ours, else None."""
        import functools
        import inspect
        import types

        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, functools.partial):
            value = value.func
        if callable(value):
            value = attempt(inspect.unwrap, value)
        if isinstance(value, types.FunctionType) and (value.__module__ or "").split(".")[0] in self.roots:
            return value
        return None

    def methods(self, owner, name):
        """Returns all functions of that name that a class has or inherits: they may call each other."""
        found = (self.function(vars(base).get(name)) for base in owner.__mro__)
        return [function for function in found if function is not None]

    def mentioned(self, code):
        names = set(code.co_names)
        for constant in code.co_consts:
            if hasattr(constant, "co_names"):
                names |= self.mentioned(constant)
        return names

    def follow(self, owner, functions):
        """Returns these functions of the class and all that they may call."""
        found = []
        waiting = list(functions)
        while waiting:
            function = waiting.pop()
            if function in found:
                continue
            found.append(function)
            for name in sorted(self.mentioned(function.__code__)):
                if owner is not None:
                    waiting.extend(self.methods(owner, name))
                called = self.function(function.__globals__.get(name))
                if called is not None:
                    waiting.append(called)
        return found

    def fingerprint(self, function):
        import ast
        import hashlib
        import inspect
        import textwrap

        try:
            text = shape(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0])
        except Exception:  # There is no source, or no whole statement.
            text = repr((function.__code__.co_code, [str(c) for c in function.__code__.co_names]))
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def name(self, function):
        """Returns the function's name, and keeps its fingerprint."""
        if function not in self.known:
            name = "%s.%s" % (function.__module__, function.__qualname__)
            prints = set(self.found.get(name, "").split()) | {self.fingerprint(function)}
            self.found[name] = " ".join(sorted(prints))
            self.known[function] = name
        return self.known[function]

    def of(self, model):
        functions = self.follow(model, [f for name in OF_MODEL for f in self.methods(model, name)])
        for field in model._meta.local_concrete_fields:
            kind = type(field)
            functions += self.follow(kind, [f for name in OF_FIELD for f in self.methods(kind, name)])
            for validator in getattr(field, "_validators", None) or ():
                function = self.function(validator)
                if function is not None:
                    functions += self.follow(None, [function])
                elif not isinstance(validator, type):
                    functions += self.follow(type(validator), self.methods(type(validator), "__call__"))
        return sorted({self.name(function) for function in functions})


def model_facts(rules):
    """Describes the models that dump2py dumps, tables of many-to-many fields included.

    Fields are those of the model's own table; those of parents are told there.
    """
    from django.apps import apps
    from django.db import connection

    found = []
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        filled = attempt(filled_facts, model) or ()
        found.append(
            {
                "model": model_name(model),
                "table": meta.db_table,
                "managed": meta.managed,
                "proxy": meta.proxy,
                "abstract": False,
                "auto_created": bool(meta.auto_created),
                "parents": [model_name(p) for p, link in meta.parents.items() if link],
                "pk": meta.pk.attname,
                "pk_column": meta.pk.column,
                "unique_together": unique_facts(meta),
                "constraints": attempt(constraint_facts, meta) or [],
                "rules": attempt(rules.of, model),
                "fields": [field_facts(f, connection, filled) for f in meta.local_concrete_fields],
                "rows": None,
            }
        )
    return sorted(found, key=lambda model: model["model"])


def path_facts(settings, site):
    log_dir = os.path.join(site_dir(site) or os.getcwd(), "log")
    handlers = (getattr(settings, "LOGGING", None) or {}).get("handlers") or {}
    return {
        "static_root": text_or_none(settings.STATIC_ROOT) or None,
        "media_root": text_or_none(settings.MEDIA_ROOT) or None,
        "log_dir": log_dir if os.path.isdir(log_dir) else None,
        "log_file": text_or_none((handlers.get("file") or {}).get("filename")),
    }


def use_facts(settings, site, commands):
    search = None
    if "rebuild_index" in commands and "haystack" in settings.INSTALLED_APPS:
        search = "rebuild_index"
    elif site.is_installed("search") and getattr(site, "use_elasticsearch", False):
        search = "createindexes" if "createindexes" in commands else None
    return {
        "search_index_command": search,
        "checkdata": "checkdata" in commands,
        "help": "makehelp" in commands and site.is_installed("help"),
    }


def skipped_facts(names):
    """Returns the models that this Lino's dump2py leaves out, read from its own source."""
    skipped = ["contenttypes.ContentType", "sessions.Session"]
    import inspect

    from lino.management.commands import dump2py

    source = re.sub(r"(?m)^\s*#.*$", "", inspect.getsource(dump2py))
    # Old form: `M = settings.SITE.modules.checkdata.Problem`, then `issubclass(m, M)`.
    for name in re.findall(r"\bcheckdata\.(Message|Problem)\b", source):
        skipped.append("checkdata." + name)
    return sorted({name for name in skipped if name in names})


def collect(facts):
    """Fills the facts in the order of their certainty, so that a failure leaves the rest."""
    facts["python"] = python_facts()
    facts["installed"] = installed_facts()

    open_no_log()
    at_stage("manage.py", find_settings)
    settings = at_stage("settings", load_settings)
    site = at_stage("lino", load_site, settings)

    import django
    import lino
    from django.core.management import get_commands
    from django.utils import translation

    facts["django"] = django.get_version()
    facts["lino"] = lino.__version__
    facts["database"] = at_stage("database", database_facts, settings)
    facts["database"].update(at_stage("database", probe, facts["database"]))
    # Before the models are loaded: they may be what fails for want of a package.
    facts["requirements"] = attempt(requirement_facts, site) or []
    facts["missing_requirements"] = missing_facts(facts["requirements"], facts["installed"])

    at_stage("models", load_models)
    with translation.override("en"):
        facts["requirements"] = at_stage("requirements", requirement_facts, site)
        facts["missing_requirements"] = missing_facts(facts["requirements"], facts["installed"])
        facts["site"] = at_stage("site", site_facts, settings, site)
        facts["plugins"] = at_stage("plugins", plugin_facts, site)
        rules = Rules(site)
        facts["models"] = at_stage("models", model_facts, rules)
        facts["rules"] = rules.found
        facts["commands"] = sorted(at_stage("commands", get_commands))
        facts.update(at_stage("paths", path_facts, settings, site))
        facts["uses"] = at_stage("uses", use_facts, settings, site, facts["commands"])
        names = {model["model"] for model in facts["models"]}
        facts["skipped_in_dump"] = at_stage("dump2py", skipped_facts, names)


def error_facts(stage):
    cause = stage.cause
    lines = traceback.format_exception(type(cause), cause, cause.__traceback__)
    kind = type(cause)
    module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
    return {
        "stage": stage.name,
        "exception": module + kind.__name__,
        "message": scrub(cause),
        "traceback": scrub("".join(lines)),
    }


def write_facts(path):
    facts = {"format": FORMAT}
    status = 0
    try:
        at_stage("facts", collect, facts)
        facts["sources"] = SOURCES.facts()
    except Stage as stage:
        facts["error"] = error_facts(stage)
        status = 1
    path = os.path.join(START, path)
    temporary = "%s.%d.tmp" % (path, os.getpid())
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with io.open(descriptor, "w", encoding="utf-8") as stream:
        # ASCII: a lone surrogate in a file name must not stop the writing.
        json.dump(facts, stream, default=str, indent=1)
        stream.write("\n")
    os.replace(temporary, path)
    return status


# The connection

PLAIN_OPTIONS = (
    "unix_socket", "read_default_file", "read_default_group", "charset", "ssl", "ssl_mode",
    "service", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "options",
)


def connection_facts(settings):
    entry = settings.DATABASES["default"]
    options = entry.get("OPTIONS") or {}
    backend = entry.get("ENGINE") or ""

    def first(*values):
        return next((str(value) for value in values if value), None)

    host = first(entry.get("HOST"), options.get("host"))
    socket = first(options.get("unix_socket"))
    if host and host.startswith("/"):
        # A path is a socket: PostgreSQL names its directory, MySQL the socket itself.
        host, socket = None, host
    return {
        "format": FORMAT,
        "engine": engine_name(backend),
        "backend": backend,
        "host": host,
        "port": first(entry.get("PORT"), options.get("port")),
        "user": first(entry.get("USER"), options.get("user")),
        "password": first(entry.get("PASSWORD"), options.get("password"), options.get("passwd")),
        "name": first(
            entry.get("NAME"), options.get("dbname"), options.get("database"), options.get("db")
        ),
        "socket": socket,
        "options": {key: options[key] for key in PLAIN_OPTIONS if options.get(key)},
    }


def print_connection():
    """Prints the connection, or why there is none, as one marked line."""
    status = 0
    try:
        open_no_log()
        at_stage("manage.py", find_settings)
        answer = at_stage("database", connection_facts, at_stage("settings", load_settings))
        answer["sources"] = SOURCES.facts()
    except Stage as stage:
        answer = {"format": FORMAT, "error": error_facts(stage)}
        status = 1
    sys.stdout.write("\n" + MARKER + json.dumps(answer, default=str) + "\n")
    sys.stdout.flush()
    return status


START = os.getcwd()

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: facts.py OUT | facts.py --connection")
    SOURCES.listen()
    if sys.argv[1] == "--connection":
        sys.exit(print_connection())
    sys.exit(write_facts(sys.argv[1]))
