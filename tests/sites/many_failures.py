"""Writes a snapshot with many rows that are refused, the log of a restore of it, and what a rehearsal would tell.

    many_failures.py DIR COUNT one|thousand|each [LEVELS]

COUNT rows are spread over LEVELS tables (4), each row pointing to the one of the table before that has its number. Rows
of the first table are refused for themselves: for one reason, for one of a thousand, or each for another one. DIR gets
restore.py, the row files, restore.log and rehearsal.jsonl. Nothing of this was printed by Lino.
"""

import json
import os
import sys

MODELS = ["Partner", "Sale", "Item", "Note", "Remark", "Mark"]
# Rows in a row file, as dump2py writes them.
FILE = 50_000
TRACEBACK = """Traceback (most recent call last):
  File "/env/lino/utils/dpy.py", line 300, in try_save
    obj.full_clean()
django.core.exceptions.ValidationError: %s"""


def word(number):
    """Returns letters without a digit, another text for each number."""
    letters = ""
    while True:
        number, rest = divmod(number, 26)
        letters += chr(ord("a") + rest)
        if not number:
            return letters


def own(kind, number):
    """Returns what is said of a row of the first table."""
    if kind == "one":
        return "Ensure this value has at most 20 characters (it has %d)." % (21 + number % 60)
    return "Reason %s forbids this name." % word(number % 1000 if kind == "thousand" else number)


def main(folder, count, kind, levels):
    os.makedirs(folder, exist_ok=True)
    each = count // levels
    counts = [count - each * (levels - 1)] + [each] * (levels - 1)
    models = MODELS[:levels]
    script = [
        "#!/usr/bin/env python", "# -*- coding: UTF-8 -*-", "# This is a Python dump created using dump2py.",
        "SOURCE_VERSION = '1.0'",
    ]
    script += ['shop_%s = resolve_model("shop.%s")' % (model, model) for model in models]
    lines = []
    log = open(os.path.join(folder, "restore.log"), "w")
    told = open(os.path.join(folder, "rehearsal.jsonl"), "w")

    def tell(**line):
        told.write(json.dumps(line) + "\n")

    place = os.path.abspath(os.path.join(folder, "restore.py"))
    tell(format=1, script=place, lino="26.10.8", django="5.2.19", version="2.0", python="3.11.2")
    log.write("Source version is 1.0 : no migration needed\n`initdb ` started on database default.db.\n")
    given_up = []
    tables = {}
    for level, (model, rows) in enumerate(zip(models, counts)):
        table = "shop_" + model.lower()
        before = models[level - 1].lower() if level else None
        field = before + "_id" if before else "ref"
        script.append("def create_%s(id, name, %s):\n    kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n"
                      "    kw.update(%s=%s)\n    return shop_%s(**kw)\n" % (table, field, field, field, model))
        tables[table] = [rows, rows]
        parts = -(-rows // FILE)
        by_message = {}
        for part in range(1, parts + 1):
            name = table + (".py" if parts == 1 else "_%d.py" % part)
            lines.append('    execfile("%s", *args)' % name)
            of = " (part %d of %d)" % (part, parts) if parts > 1 else ""
            loading = "Loading %d objects%s to table %s..." % (rows, of, table)
            log.write(loading + "\n")
            with open(os.path.join(folder, name), "w") as out:
                out.write('# -*- coding: UTF-8 -*-\nlogger.info("%s")\n# fields: id, name, %s\n' % (
                    loading, before or "ref"))
                for line, key in enumerate(range((part - 1) * FILE + 1, min(part * FILE, rows) + 1), 4):
                    value = key if before else "'R%d'" % key
                    out.write("loader.save(create_%s(%d,'%s number %d',%s))\n" % (table, key, model, key, value))
                    if before:
                        said = {before: ["%s instance with id %d does not exist." % (before, key)]}
                        points = [[before, "shop." + models[level - 1], str(key)]]
                    else:
                        said, points = {"name": [own(kind, key)]}, []
                    text = str(said)
                    by_message.setdefault(text, []).append(key)
                    row = dict(model="shop." + model, table=table, key=str(key), file=name, line=line, phase="save",
                               exception="django.core.exceptions.ValidationError", messages=said,
                               object="%s number %d" % (model, key), points=points)
                    if key == 1:
                        row["traceback"] = TRACEBACK % text
                        log.write("Deferred %s #1 ('%s number 1') : %s\n%s\n%s\n" % (
                            model, model, text, text, TRACEBACK % text))
                    tell(row=row)
                out.write("\nloader.flush_deferred_objects()\n")
            tell(done=name, seconds=0.5)
        for text, keys in by_message.items():
            given_up.append("- shop.%s %s (%d object(s) with primary key %s)\n" % (
                model, text, len(keys), ", ".join(map(str, keys))))
    log.write("Abandoning with %d unsaved instances:\n" % count)
    log.writelines(given_up)
    log.write("Loaded 0 objects\nDone manage.py run snapshot/restore.py (PID 1)\n")
    tell(ended=True, loaded=0, refused=count, tables=tables, seconds=60.0)
    with open(place, "w") as out:
        out.write("\n".join(script) + "\n\ndef main(args):\n    loader = DpyLoader(globals())\n" + "\n".join(lines)
                  + "\n    loader.finalize()\n\nif __name__ == '__main__':\n    main(None)\n")
    log.close()
    told.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 4)
