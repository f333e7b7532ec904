"""What the data of this site needs when it moves to a newer version.

The kind of file that a site's developer writes for an upgrade: Lino calls
`migrate_from_A_B_C` while it restores a snapshot that version A.B.C made.
"""

import inspect

from lino.utils.dpy import Migrator, override

# Delivery units: the numbers used until 25.1, and the international codes since.
UNITS = {"10": "HUR", "20": "XPP", "40": "XBX"}


class Migrator(Migrator):
    def migrate_from_25_1_0(self, globals_dict):
        """Delivery units get their international codes."""
        create = globals_dict["create_products_product"]
        position = list(inspect.signature(create).parameters).index("delivery_unit")

        @override(globals_dict)
        def create_products_product(*values):
            values = list(values)
            values[position] = UNITS.get(values[position], values[position])
            return create(*values)

        return "25.3.0"
