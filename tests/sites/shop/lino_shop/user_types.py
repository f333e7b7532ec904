"""The user types of the shop."""

from lino.core.roles import SiteAdmin, SiteUser, UserRole
from lino.modlib.users.choicelists import UserTypes

try:
    from lino.modlib.checkdata.roles import CheckdataUser
except ImportError:
    class CheckdataUser(UserRole):
        pass


class Clerk(SiteUser, CheckdataUser):
    pass


class Manager(SiteAdmin, CheckdataUser):
    pass


UserTypes.clear()
add = UserTypes.add_item
add("000", "Anonymous", UserRole, name="anonymous", readonly=True)
add("100", "Clerk", Clerk, name="user")
add("900", "Manager", Manager, name="admin")
