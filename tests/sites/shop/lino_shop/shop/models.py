"""The models of the shop: one of each kind that a dump treats differently."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.core.exceptions import ValidationError
from django.db import models
from lino.api import dd
from lino.mixins import BabelNamed
from lino.modlib.checkdata.choicelists import Checker
from lino.modlib.users.mixins import UserAuthored

try:
    from lino.modlib.gfks.mixins import Controllable
except ImportError:  # It was renamed in 2026.
    from lino.modlib.gfks.mixins import Ownable as Controllable

from .schema import changed


class States(dd.ChoiceList):
    verbose_name = "State"


add = States.add_item
add("10", "Draft", "draft")
if not changed("no_registered"):
    add("20", "Registered", "registered")
add("30", "Paid", "paid")
if not changed("no_offered"):
    add("50", "Offered", "offered")
if changed("new_state"):
    add("40", "Cancelled", "cancelled")


class Country(dd.Model if changed("untranslated") else BabelNamed):
    """Its primary key is a text."""

    class Meta:
        app_label = "shop"
        verbose_name = "Country"
        verbose_name_plural = "Countries"

    isocode = models.CharField(max_length=4, primary_key=True)
    if changed("untranslated"):
        name = models.CharField(max_length=200)


if changed("renamed_category"):

    class ProductCategory(BabelNamed):
        """What else is called Category."""

        class Meta:
            app_label = "shop"
            verbose_name = "Category"
            verbose_name_plural = "Categories"

elif not changed("category_gone"):

    class Category(BabelNamed):
        """Points to nothing, so that a row that can't be saved ends a restore."""

        class Meta:
            app_label = "shop"
            verbose_name = "Category"
            verbose_name_plural = "Categories"


if changed("setting_entry"):

    class Entry(dd.Model):
        """The parent that Setting has not."""

        class Meta:
            app_label = "shop"
            verbose_name = "Entry"
            verbose_name_plural = "Entries"


class Setting(Entry if changed("setting_entry") else dd.Model):
    """A model without foreign keys."""

    class Meta:
        app_label = "shop"
        verbose_name = "Setting"
        verbose_name_plural = "Settings"
        if changed("renamed_table"):
            db_table = "shop_option"

    name = models.CharField(max_length=40, unique=changed("setting_unique"))
    if changed("translated"):
        value = dd.BabelCharField(max_length=80, blank=True)
    elif changed("value_number"):
        value = models.IntegerField(blank=True, null=True)
    elif changed("value_strict"):
        value = models.CharField(
            max_length=80, blank=True, validators=[RegexValidator("^[0-9]{2}$")])
    elif changed("value_optional"):
        value = models.CharField(max_length=80, blank=True, null=True)
    elif not changed("value_gone"):
        value = models.CharField(max_length=80, blank=True)

    def __str__(self):
        return self.name

    if changed("strict_code"):

        def full_clean(self, *args, **kwargs):
            super().full_clean(*args, **kwargs)
            if self.name == "setting3":
                raise ValidationError("There is no setting3 any more.")


class Partner(dd.Model):
    """The parent of Person; its country may be empty."""

    class Meta:
        app_label = "shop"
        verbose_name = "Partner"
        verbose_name_plural = "Partners"

    name = models.CharField(
        max_length=20 if changed("short_name") else 200 if changed("long_name") else 80)
    if changed("country_required"):
        country = dd.ForeignKey("shop.Country")
    else:
        country = dd.ForeignKey("shop.Country", blank=True, null=True)
    if changed("email_field"):
        email = models.EmailField(max_length=80, blank=True)
    elif changed("rename_email"):
        e_mail = models.CharField(max_length=80, blank=True)
    elif not changed("drop_email"):
        email = models.CharField(max_length=80, blank=True)
    if changed("new_blank"):
        remark = models.CharField(max_length=80, blank=True)
    if changed("new_required"):
        vat_id = models.CharField(max_length=20)

    def __str__(self):
        return self.name


class Person(dd.Model if changed("partner_gone") else Partner):
    """A partner that is a human."""

    class Meta:
        app_label = "shop"
        verbose_name = "Person"
        verbose_name_plural = "Persons"

    first_name = models.CharField(max_length=2 if changed("short_first_name") else 40, blank=True)
    birth_date = models.DateField(blank=True, null=True)


class AnyProduct(BabelNamed):
    """Something to sell."""

    class Meta:
        abstract = True

    if changed("renamed_category"):
        category = dd.ForeignKey("shop.ProductCategory")
    elif not changed("category_gone"):
        category = dd.ForeignKey("shop.Category")
    price = models.DecimalField(max_digits=9 if changed("fewer_digits") else 10, decimal_places=2)
    if changed("bigger_weight"):
        weight = models.BigIntegerField(blank=True, null=True)
    elif changed("positive_weight"):
        weight = models.PositiveIntegerField(blank=True, null=True)
    elif changed("weight_date"):
        weight = models.DateField(blank=True, null=True)
    elif changed("weight_decimal"):
        weight = models.DecimalField(max_digits=6, decimal_places=2, blank=True, null=True)
    elif changed("heavy"):
        weight = models.IntegerField(blank=True, null=True, validators=[MinValueValidator(10)])
    elif changed("light"):
        weight = models.IntegerField(blank=True, null=True, validators=[MaxValueValidator(1000)])
    else:
        weight = models.IntegerField(blank=True, null=True)
    active = models.BooleanField(default=not changed("new_default"))


if changed("renamed_product"):

    class SaleProduct(AnyProduct):
        """What else is called Product."""

        class Meta:
            app_label = "shop"
            verbose_name = "Product"
            verbose_name_plural = "Products"

else:

    class Product(AnyProduct):
        """Something to sell."""

        class Meta:
            app_label = "shop"
            verbose_name = "Product"
            verbose_name_plural = "Products"


PRODUCT = "shop.SaleProduct" if changed("renamed_product") else "shop.Product"


class Sale(UserAuthored):
    """Points to a partner, a product and a user."""

    class Meta:
        app_label = "shop"
        verbose_name = "Sale"
        verbose_name_plural = "Sales"
        if changed("sale_unique"):
            unique_together = ("partner", "date")

    partner = dd.ForeignKey("shop.Person" if changed("other_target") else "shop.Partner")
    product = dd.ForeignKey(PRODUCT)
    if changed("other_order"):
        at = models.DateTimeField()
        date = models.DateField()
    else:
        date = models.DateField()
        at = models.DateTimeField()
    if changed("whole_quantity"):
        quantity = models.IntegerField()
    else:
        quantity = models.DecimalField(max_digits=8, decimal_places=2)
    if changed("whole_amount"):
        amount = models.IntegerField()
    else:
        amount = models.DecimalField(max_digits=10, decimal_places=2)
    state = States.field(default="draft")
    memo = models.TextField(blank=not changed("memo_required"))

    def __str__(self):
        return "Sale {}".format(self.pk)


class AnyNote(Controllable):
    """Points to a row of any model."""

    class Meta:
        abstract = True

    text = models.TextField(blank=not changed("text_required"))
    if changed("remembered"):
        created = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return "Note {}".format(self.pk)


if changed("renamed_note"):

    class Notice(AnyNote):
        """What else is called Note."""

        class Meta:
            app_label = "shop"
            verbose_name = "Note"
            verbose_name_plural = "Notes"

else:

    class Note(AnyNote):
        """Points to a row of any model."""

        class Meta:
            app_label = "shop"
            verbose_name = "Note"
            verbose_name_plural = "Notes"


class Author(Partner if changed("author_partner") else dd.Model):
    """Has a favourite among the books, which have authors: a circle."""

    class Meta:
        app_label = "shop"
        verbose_name = "Author"
        verbose_name_plural = "Authors"

    if not changed("author_partner"):
        name = models.CharField(max_length=80)
    favorite = dd.ForeignKey(
        "shop.Book", blank=True, null=True, related_name="liked_by")
    if changed("new_in_circle"):
        publisher = dd.ForeignKey(
            "shop.Publisher", blank=True, null=True, related_name="authors")

    def __str__(self):
        return self.name


class Book(dd.Model):
    """Closes the circle that starts at Author."""

    class Meta:
        app_label = "shop"
        verbose_name = "Volume" if changed("other_words") else "Book"
        verbose_name_plural = "Books"
        ordering = ["title"] if changed("other_words") else []

    title = models.CharField(
        "Name" if changed("other_words") else "Title", max_length=80,
        db_column="name" if changed("other_column") else None)
    if changed("unloved"):
        author = dd.ForeignKey("shop.Author", blank=True, null=True)
    elif changed("on_delete"):
        author = dd.ForeignKey("shop.Author", on_delete=models.DO_NOTHING)
    else:
        author = dd.ForeignKey("shop.Author")

    def __str__(self):
        return self.title


if changed("new_table"):

    class Tag(dd.Model):
        """Points to a product."""

        class Meta:
            app_label = "shop"
            verbose_name = "Tag"
            verbose_name_plural = "Tags"

        name = models.CharField(max_length=40)
        product = dd.ForeignKey(PRODUCT)


if changed("new_in_circle"):

    class Publisher(dd.Model):
        """Has an editor among the authors, who have a publisher: a circle."""

        class Meta:
            app_label = "shop"
            verbose_name = "Publisher"
            verbose_name_plural = "Publishers"

        name = models.CharField(max_length=80)
        editor = dd.ForeignKey("shop.Author", related_name="edits")


if changed("new_model"):

    class Invoice(dd.Model):
        """What the base does not have."""

        class Meta:
            app_label = "shop"
            verbose_name = "Invoice"
            verbose_name_plural = "Invoices"

        sale = dd.ForeignKey("shop.Sale")
        number = models.CharField(max_length=20)


class SaleChecker(Checker):
    """Finds sales whose amount is wrong, which it can repair."""

    verbose_name = "Check the amount of sales"
    model = "shop.Sale"

    def _problems(self, obj, fix):
        amount = obj.product.price * obj.quantity
        if obj.amount != amount:
            yield (True, "Amount is {} but should be {}".format(obj.amount, amount))
            if fix:
                obj.amount = amount
                obj.save()

    def get_checkdata_problems(self, *args, **kwargs):
        # Newer versions of Lino pass the action request before the row.
        rows = [arg for arg in args if isinstance(arg, dd.Model)]
        fix = kwargs.get("fix", args[-1] if isinstance(args[-1], bool) else False)
        return self._problems(rows[0], fix)


class PartnerChecker(Checker):
    """Finds partners without country, which nobody can repair for the user."""

    verbose_name = "Check the country of partners"
    model = "shop.Partner"

    def get_checkdata_problems(self, *args, **kwargs):
        rows = [arg for arg in args if isinstance(arg, dd.Model)]
        if rows[0].country_id is None:
            yield (False, "Country is missing")


SaleChecker.activate()
PartnerChecker.activate()


class Countries(dd.Table):
    model = "shop.Country"


if not changed("category_gone"):

    class Categories(dd.Table):
        model = "shop.ProductCategory" if changed("renamed_category") else "shop.Category"


class Partners(dd.Table):
    model = "shop.Partner"


class Persons(dd.Table):
    model = "shop.Person"


class Products(dd.Table):
    model = PRODUCT


class Sales(dd.Table):
    model = "shop.Sale"


class Notes(dd.Table):
    model = "shop.Notice" if changed("renamed_note") else "shop.Note"


class Authors(dd.Table):
    model = "shop.Author"


class Books(dd.Table):
    model = "shop.Book"
