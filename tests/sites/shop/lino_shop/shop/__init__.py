"""The only plugin of the shop."""

from lino.api import ad


class Plugin(ad.Plugin):
    verbose_name = "Shop"

    def setup_main_menu(self, site, user_type, m, ar=None):
        m = m.add_menu(self.app_label, self.verbose_name)
        for table in ("Partners", "Persons", "Products", "Sales"):
            m.add_action(self.app_label + "." + table)
