"""Prints every model of a Lino site and every field of it, as one JSON object.

    cd SITE && env/bin/python describe_models.py

An independent witness for the tests: it asks Django in its own way, by
`deconstruct()` and `db_parameters()`, and shares nothing with the facts that
lino-upgrade collects.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import translation  # noqa: E402

# Texts for people, and what only matters when somebody looks at a row.
SILENT = {"verbose_name", "help_text", "related_name", "related_query_name", "error_messages"}


def plain(value):
    """Returns the value as JSON can hold it, without addresses of this process."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return "%s.%s" % (value.__module__, value.__qualname__)
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def field(it):
    _, path, args, arguments = it.deconstruct()
    found = {
        "arguments." + name: plain(value)
        for name, value in arguments.items()
        if name not in SILENT | {"choices", "to", "on_delete"}
    }
    remote = it.remote_field
    choicelist = getattr(it, "choicelist", None)
    if choicelist is not None:
        choices = [choice.value for choice in choicelist.get_list_items()]
    else:
        choices = [plain(value) for value, _ in it.flatchoices] or None
    found.update(
        {
            "class": path,
            "arguments": plain(args),
            "attname": it.attname,
            "column": it.column,
            "column type": it.db_type(connection),
            "column check": plain(it.db_parameters(connection).get("check") or None),
            "column collation": it.db_parameters(connection).get("collation"),
            "null": it.null,
            "blank": it.blank,
            "editable": it.editable,
            "unique": it.unique,
            "index": it.db_index,
            "max_length": it.max_length,
            "choices": choices,
            "choicelist": choicelist and str(choicelist),
            "target": remote and remote.model._meta.label,
            "target field": remote and it.target_field.name,
            "on_delete": remote and remote.on_delete.__name__,
            "limit_choices_to": plain(it.get_limit_choices_to()) if remote else None,
            "validators": sorted(
                plain(v if hasattr(v, "__qualname__") else type(v)) + " " + plain(getattr(v, "limit_value", "")).__str__()
                for v in it.validators
            ),
        }
    )
    return found


def model(it):
    meta = it._meta
    return {
        "table": meta.db_table,
        "managed": meta.managed,
        "proxy": meta.proxy,
        "parents": [parent._meta.label for parent, link in meta.parents.items() if link],
        "key": meta.pk.name,
        "unique_together": sorted(sorted(names) for names in meta.unique_together),
        "constraints": sorted(plain(each) for each in meta.constraints),
        "indexes": sorted(plain(each) for each in meta.indexes) + sorted(map(list, meta.index_together))
        if hasattr(meta, "index_together")
        else sorted(plain(each) for each in meta.indexes),
        "many to many": sorted(each.name for each in meta.local_many_to_many),
        "fields": {each.name: field(each) for each in meta.local_concrete_fields},
    }


with translation.override("en"):
    json.dump(
        {it._meta.label: model(it) for it in apps.get_models(include_auto_created=True)},
        sys.stdout,
        indent=1,
        sort_keys=True,
    )
