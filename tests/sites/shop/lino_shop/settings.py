"""Settings that every site of this application imports."""

import os
import warnings

from lino import __version__ as lino_version
from lino.projects.std.settings import *  # noqa: F403
from lino.projects.std.settings import Site
from lino_shop import __version__

warnings.filterwarnings("ignore")

LINO = tuple(int(part) for part in lino_version.split(".")[:2])


class Site(Site):
    verbose_name = "Lino Shop"
    version = os.environ.get("SITEVER") or __version__
    languages = os.environ.get("LANGS") or "en de fr"
    migration_class = os.environ.get("MIGR") or None
    user_types_module = "lino_shop.user_types"
    demo_fixtures = "std demo_users shop_demo"
    default_ui = "lino_react.react"

    def get_installed_plugins(self):
        yield super().get_installed_plugins()
        # Newer versions of Lino only have it when it is asked for.
        yield "lino.modlib.printing"
        yield "lino.modlib.gfks"
        yield "lino.modlib.users"
        if LINO >= (22, 9):
            yield "lino.modlib.linod"
        yield "lino.modlib.checkdata"
        yield "lino_shop.shop"

    def setup_quicklinks(self, *args):
        super().setup_quicklinks(*args)
        args[-1].add_action("shop.Partners")

    if LINO < (24, 6):
        get_installed_apps = get_installed_plugins
