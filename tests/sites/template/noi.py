import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

try:
    import weasyprint  # noqa: F401
except OSError:
    # It prints PDF files with libraries of the system, which may be missing here.
    sys.modules["weasyprint"] = None

from lino_noi.lib.noi.settings import *  # noqa: E402, F403


class Site(Site):  # noqa: F405
    title = "@NAME@"
    server_url = "http://127.0.0.1:@PORT@"
    languages = "en de fr"
    default_ui = "lino_react.react"
    # The demo data is made relative to this date.
    the_demo_date = 20250115

    def get_plugin_configs(self):
        yield super().get_plugin_configs()
        # No Redis server is wanted.
        yield "linod", "use_channels", False
