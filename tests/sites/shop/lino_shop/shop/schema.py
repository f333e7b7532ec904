"""Which changes of the data model are in force.

SCHEMA is empty (the base) or a comma-separated list of these names:

new_blank     Partner gets the optional field ``remark``: restores fine
drop_email    Partner loses ``email``: the restore crashes
new_required  Partner gets the required field ``vat_id``: no partner can be
              saved, nor anything that points to one
category_gone Category and the field that points to it vanish: the restore
              crashes at the first category
new_table     the new model Tag points to Product: restores fine
new_in_circle the new model Publisher and Author point to each other: restores
              fine, but ``dump2py --simulate`` on the old database crashes
renamed_table Setting is in the table ``shop_option``: restores fine
To add a change, name it here and ask ``changed(NAME)`` where the model differs.
"""

import os

KNOWN = {
    "new_blank",
    "drop_email",
    "new_required",
    "category_gone",
    "new_table",
    "new_in_circle",
    "renamed_table",
}
ACTIVE = {name for name in os.environ.get("SCHEMA", "").split(",") if name}

if ACTIVE - KNOWN:
    raise Exception("Unknown SCHEMA: " + ", ".join(sorted(ACTIVE - KNOWN)))


def changed(name):
    """Tell whether the change `name` is in force."""
    if name not in KNOWN:
        raise Exception("Not a change: " + name)
    return name in ACTIVE
