#!/usr/bin/env python3
"""What fuzzing begins with, made from the fixtures of the tests: seeds.py DIR writes DIR/TARGET/NAME."""
import re
import sys
import zipfile
from io import BytesIO
from pathlib import Path

OUT = Path(sys.argv[1])
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
LARGEST = 6 << 10
# Commands, by their place in `bodies/messages.rs`.
KINDS = {"restore": 0, "dump": 1, "simdump": 2, "checkdata": 3, "collectstatic": 4, "install": 6, "pip": 7, "snapshot": 10,
         "pull": 11}


def seed(target, name, data):
    if isinstance(data, str):
        data = data.encode()
    path = OUT / target / re.sub(r"\W+", "-", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data[:LARGEST])


def short(script):
    """A script with its first function alone."""
    parts = re.split(r"(?m)^(?=def create_)", script)
    return parts[0] + parts[1] + "\n\n" + parts[-1][parts[-1].index("\ndef main"):] if "\ndef main" in parts[-1] else script


scripts = {path.parent.name: path.read_text() for path in sorted(FIXTURES.glob("dumps/*/restore.py"))}
for name, text in scripts.items():
    if len(text) < LARGEST:
        seed("dump", name, text)
    seed("dump", name + "-short", short(text))
small = [name for name, text in scripts.items() if len(text) < LARGEST]
for old, new in zip(small, small[1:]):
    seed("scripts", f"{old}-{new}-short", short(scripts[old]) + "\n===\n" + short(scripts[new]))

for path in sorted(FIXTURES.glob("dumps/*/*.py")):
    if path.name == "restore.py" or not path.read_text().count("loader.save("):
        continue
    text = path.read_text()
    name = f"{path.parent.name}-{path.stem}"
    seed("rows", name, re.sub(r"(?m)^loader\.save\(create_\w+\(", "loader.save(create_a(", text)[:2000])
for name in small:
    files = sorted((FIXTURES / "dumps" / name).glob("*.py"))
    texts = "".join(f"=== {path.stem}\n{path.read_text()}" for path in files if path.name != "restore.py" and path.stat().st_size < 2000)
    restore = short(scripts[name])
    for kind in (1, 2):
        seed("archives", f"{name}-{kind}", bytes([kind]) + f"=== restore\n{restore}\n{texts}".encode())
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED if len(name) % 2 else zipfile.ZIP_STORED) as archive:
        archive.writestr("snapshot/restore.py", restore)
        for path in [path for path in files if path.name != "restore.py"][:2]:
            archive.writestr("snapshot/" + path.name, path.read_text()[:300])
    seed("archives", f"{name}-zip", b"\0" + packed.getvalue())

for path in sorted(FIXTURES.glob("logs/*.log")):
    kind = next((number for word, number in KINDS.items() if word in path.name), 12)
    data = path.read_bytes()
    seed("messages", path.stem, bytes([kind, 0, 63]) + data[:1500])
    seed("messages", path.stem + "-end", bytes([kind, 1, 250]) + data[-1200:])
    seed("emulator", path.stem, data[:1000])
for path in sorted(FIXTURES.glob("triage/*.jsonl")):
    seed("messages", path.stem, bytes([0, 0, 99]) + path.read_bytes()[:1500])
for number, fed in enumerate([
    b"\x1b[31mred\x1b[0m\r\n\x1b[2J\x1b[H\x1b[10;20Hhere\x1b[K\xfe\x28\x0a\x1b[5A\x1b[3B\x1b[L\x1b[M\xff\x05more",
    b"\x1b]0;title\x07\x1bP1$r\x1b\\\x1b[?1049h\x1b[?25l\x1b[1;5r\x1b[S\x1b[T\xfe\x01\x01\x1b[?1049l",
    "ä漢字e\u0301\u200d\U0001f600\t".encode() + b"\xfe\x02\x02\x1b7\x1b8\x1b[s\x1b[u\x1bM\x1bD\x1bE\xfe\xff\xff\x1b[4h\x1b[@\x1b[P\x1b[X",
]):
    seed("emulator", f"made-{number}", fed)

for path in sorted(FIXTURES.glob("*.toml")):
    seed("decisions", path.stem, path.read_text())
seed("decisions", "all", """[answers]
"sign-in.confirm" = "y"

[[decision]]
model = "contacts.Partner"
rows = ["101", 102]
count = 2
because = "the number is too large"
set = { vat_id = "", since = 2024-02-29, rate = 1.5, names = ["a", "b"], flag = true, n = 7 }

[[decision]]
model = "contacts.Person"
rows = ["7"]
point = { partner = "104" }

[[decision]]
model = "contacts.Partner"
rows = "all"
copy = { title = "name" }
""")
for number, kind in enumerate(['empty = ["remarks"]', 'drop = ["remarks"]', "leave_out = true", 'rename = "app.Model"',
                               "undecided = true", 'ask = "Why?"', 'copy = { a = "name" }', "set = { remarks = 1e3 }"]):
    seed("decisions", f"kind-{number}", f'[[decision]]\nmodel = "contacts.Partner"\nrows = "all"\ncount = 3\n{kind}\n')
    seed("decisions", f"rows-{number}", f'[[decision]]\nmodel = "contacts_partner"\nrows = ["é", "10", 101]\n{kind}\n')

seed("configuration", "settings", "\0" + """[site]
name = "mysite"
title = "My site"
url = "https://mysite.example.com"
env = "env"
python = "env/bin/python"
state_dir = ".lino-upgrade"
[commands]
pull = "env/bin/pip install -U lino-noi"
snapshot = ["./make_snapshot.sh"]
[services.apache2]
role = "writer"
[services."my site"]
role = "proxy"
stop = "true"
start = ["true", "x"]
status = "false"
restart = "true"
[steps]
checkdata = "skip"
collectstatic = "run"
[snapshot]
directory = "snapshot"
max_row_count = 1000
[limits]
stuck_after_minutes = 10
""")
for number, wrong in enumerate(['[steps]\nrestore = "skip"\n', '[site]\nnmae = "x"\n', "[snapshot]\nmax_row_count = 0\n",
                                '[snapshot]\ndirectory = "../x"\n', "x = [1,\n", '[limits]\nstuck_after_minutes = "é"\n']):
    seed("configuration", f"wrong-{number}", "\0" + wrong)
for path in sorted(path for path in FIXTURES.glob("site/**/*") if path.is_file() and path.stat().st_size < 8000):
    try:
        seed("configuration", "service-" + path.stem, "\1" + re.sub(r"/usr/local/lino/\w+/\w+", "@SITE@", path.read_text()))
    except UnicodeDecodeError:
        pass
seed("configuration", "supervisor", "\1[group:a]\nprograms=b,c\n[program:b]\ncommand=@SITE@/manage.py x\n[program:c]\n")
seed("configuration", "cron", "\1*/5 * * * * root cd @SITE@ && ./make_snapshot.sh\n@daily root @SITE@/manage.py x\n")
for path in sorted(FIXTURES.glob("facts/*.json")):
    text = re.sub(r"\n\s*", "", path.read_text())
    seed("configuration", "facts-" + path.stem, "\2" + (text if len(text) < LARGEST else
         '{"format": 1, "django": "5", "lino": "26", "models": [], "database": {"engine": "sqlite"}}'))
for kind, text in [
    (3, '{"versions": ["1", null], "verdict": "restore", "sentence": "x.", "found": [], "noise": [], "renamings": [], '
        '"said": [["scripts", "y"]], "left_out": []}'),
    (4, '{"lines": {}, "engine": "sqlite", "url": null, "old_version": "1", "packages": {"a": "1"}, "verdict": "unknown"}'),
    (5, '{"id": 1, "label": "restore", "argv": ["a"], "cwd": "/", "env": {"A": null, "B": "c"}, "log": "/l"}'),
    (6, '{"event": "ended", "id": 1, "ended": {"how": "exited", "code": 0}}'),
    (6, '{"event": "awaiting", "prompt": "x", "secret": true, "certain": false}'),
    (6, '{"event": "driver_changed", "driver": {"user": "a", "pid": 1, "tty": null, "from": "x", "since": 1}, "you": true}'),
    (7, '{"boot": "x", "state": "running", "pid": 1, "started": 1, "log_start": 0}'),
    (7, '{"boot": "x", "state": "finished", "ended": {"how": "signalled", "signal": 9}, "started": 1, "finished": 2, '
        '"log_start": 0, "log_end": 9}'),
    (8, "{}"),
    (9, '{"url": "file:///srv/a%20b", "dir_info": {"editable": true}}'),
    (9, '{"models": []}'),
]:
    seed("configuration", f"json-{kind}-{len(text)}", chr(kind) + text)
