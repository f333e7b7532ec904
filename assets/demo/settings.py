"""Settings of the demo site."""

import sys
from pathlib import Path

try:
    import weasyprint  # noqa: F401
except OSError:
    # It needs libraries of the system that are missing here. Without it Lino works, but prints no PDF.
    sys.modules["weasyprint"] = None

from lino_{{app}}.lib.{{app}}.settings import *

HERE = Path(__file__).resolve().parent


class Site(Site):
    title = "{{title}}"
    server_url = "http://127.0.0.1:{{port}}"
    languages = "en de fr"
    default_ui = "lino_react.react"
    migration_class = "migrate.Migrator"
    # Demo data is made relative to this date, so that it is always the same.
    the_demo_date = 20250115

    def get_plugin_configs(self):
        yield super().get_plugin_configs()
        # Some applications would otherwise need a Redis server.
        yield "linod", "use_channels", False


SITE = Site(globals())
SECRET_KEY = "{{secret}}"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(HERE / "default.db"),
    }
}
