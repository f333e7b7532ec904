"""A small Lino application for tests: a shop with partners, products and sales.

Its models follow the environment variable SCHEMA (see ``shop.schema``), so
that one application can play both the old and the new version of an upgrade.
"""

from .version import __version__  # noqa: F401
