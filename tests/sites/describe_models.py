"""Prints every model of a Lino site and every field of it, as one JSON object.

    cd SITE && env/bin/python describe_models.py > FILE

An independent witness for the tests: it asks Django in its own way, above all
by `deconstruct()`, and shares nothing with the facts that lino-upgrade collects.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
# What Lino says goes to standard output, too.
answer, sys.stdout = sys.stdout, sys.stderr

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import translation  # noqa: E402

# Texts for people.
SILENT = {"verbose_name", "help_text", "related_name", "related_query_name", "error_messages"}
# Arguments of a field that are told in their own words.
TOLD = {"null", "blank", "editable", "unique", "max_length", "db_index", "choices", "choicelist"}
TOLD |= {"default", "validators", "to", "on_delete", "limit_choices_to"}


def plain(value):
    """Returns the value as JSON can hold it, without addresses of this process."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "__qualname__"):
        return "%s.%s" % (value.__module__, value.__qualname__)
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def default_of(field, arguments):
    if getattr(field, "choicelist", None) is not None and field.has_default():
        choice = field.get_default()
        return plain(getattr(choice, "value", choice))
    return plain(arguments.get("default"))


def choices_of(field):
    choicelist = getattr(field, "choicelist", None)
    if choicelist is not None:
        return {str(choice.value): str(choice) for choice in choicelist.get_list_items()}
    return {str(value): str(text) for value, text in field.flatchoices} or None


def validators_of(field):
    def name(it):
        return plain(it if hasattr(it, "__qualname__") else type(it))

    return sorted("%s %s" % (name(it), plain(getattr(it, "limit_value", ""))) for it in field.validators)


def describe_field(field):
    _, path, _, arguments = field.deconstruct()
    remote = field.remote_field
    found = {name: plain(arguments[name]) for name in sorted(set(arguments) - SILENT - TOLD)}
    found.update(
        {
            "class": path,
            "attribute": field.attname,
            "column": field.column,
            "type": field.db_type(connection),
            "check": plain(field.db_parameters(connection).get("check") or None),
            "collation": field.db_parameters(connection).get("collation"),
            "null": field.null,
            "blank": field.blank,
            "editable": field.editable,
            "unique": field.unique,
            "index": field.db_index,
            "max_length": field.max_length,
            "choices": choices_of(field),
            "choicelist": plain(getattr(field, "choicelist", None) and str(field.choicelist)),
            "default": default_of(field, arguments),
            "validators": validators_of(field),
            "target": remote and remote.model._meta.label,
            "target field": remote and field.target_field.name,
            "on_delete": remote and remote.on_delete.__name__,
            "limit_choices_to": plain(field.get_limit_choices_to()) if remote else None,
        }
    )
    return found


def describe(model):
    meta = model._meta
    return {
        "table": meta.db_table,
        "managed": meta.managed,
        "proxy": meta.proxy,
        "parents": [parent._meta.label for parent, link in meta.parents.items() if link],
        "key": meta.pk.name,
        "unique_together": sorted(sorted(names) for names in meta.unique_together),
        "constraints": sorted(map(repr, meta.constraints)),
        "indexes": sorted(map(repr, meta.indexes)),
        "many_to_many": sorted(field.name for field in meta.local_many_to_many),
        "fields": {field.name: describe_field(field) for field in meta.local_concrete_fields},
    }


with translation.override("en"):
    models = {model._meta.label: describe(model) for model in apps.get_models(include_auto_created=True)}
json.dump(models, answer, indent=1, sort_keys=True)
answer.write("\n")
