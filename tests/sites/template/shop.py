import os
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Which changes of the data model are in force: pull.sh rewrites the file.
os.environ.setdefault("SCHEMA", (HERE / "env" / "schema.txt").read_text().strip())

from lino_shop.settings import *  # noqa: E402, F403
from lino_shop.settings import LINO  # noqa: E402

if LINO < (24, 6):
    # The shop calls this by its newer name.
    from lino.projects.std import settings as std  # noqa: E402

    std.Site.get_installed_plugins = std.Site.get_installed_apps


class Site(Site):  # noqa: F405
    title = "@NAME@"
    server_url = "http://127.0.0.1:@PORT@"
