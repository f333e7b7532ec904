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

The others are for comparing, and change one thing each; the demo data may not
fit to them:

author_partner    Author is a Partner, which has the name
bigger_weight     Product.weight may be a big number
country_required  Partner.country may not be empty
email_field       Partner.email must be an e-mail address
fewer_digits      Product.price has one digit less before the point
heavy             Product.weight must be 10 or more
light             Product.weight must be 1000 or less
long_name         Partner.name may be longer
memo_required     Sale.memo may not be empty
new_default       Product.active is false where nothing is said
new_model         the model Invoice
new_state         Sale.state may be "Cancelled"
no_offered        Sale.state may not be "Offered", which no sale is
no_registered     Sale.state may not be "Registered"
on_delete         a book outlives its author
other_column      Book.title is in another column
other_order       two fields of Sale change places
other_target      Sale.partner points to a Person
other_words       Book is called and sorted otherwise
partner_gone      Person has no parent
positive_weight   Product.weight may not be negative
remembered        a note knows when it was made
rename_email      Partner.email is called ``e_mail``
renamed_category  Category is called ProductCategory; products point to it
renamed_note      Note is called Notice; nothing points to it
renamed_product   Product is called SaleProduct; sales and notes point to it
sale_unique       no two sales of a partner on one day
setting_entry     Setting is an Entry, which is new
setting_unique    no two settings of one name
short_first_name  Person.first_name is shorter; nobody validates it
short_name        Partner.name is shorter
strict_code       Setting refuses a name in its code
text_required     Note.text may not be empty, and is nowhere
translated        Setting.value has one text per language
unloved           Book.author may be empty
untranslated      Country.name has one text for all languages
value_gone        Setting loses its value
value_number      Setting.value is a number
value_optional    Setting.value may be NULL
value_strict      Setting.value must be two digits
weight_date       Product.weight is a date
weight_decimal    Product.weight is a decimal number
whole_amount      Sale.amount has no cents
whole_quantity    Sale.quantity is a whole number

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
    "author_partner",
    "bigger_weight",
    "country_required",
    "email_field",
    "fewer_digits",
    "heavy",
    "light",
    "long_name",
    "memo_required",
    "new_default",
    "new_model",
    "new_state",
    "no_offered",
    "no_registered",
    "on_delete",
    "other_column",
    "other_order",
    "other_target",
    "other_words",
    "partner_gone",
    "positive_weight",
    "remembered",
    "rename_email",
    "renamed_category",
    "renamed_note",
    "renamed_product",
    "sale_unique",
    "setting_entry",
    "setting_unique",
    "short_first_name",
    "short_name",
    "strict_code",
    "text_required",
    "translated",
    "unloved",
    "untranslated",
    "value_gone",
    "value_number",
    "value_optional",
    "value_strict",
    "weight_date",
    "weight_decimal",
    "whole_amount",
    "whole_quantity",
}
ACTIVE = {name for name in os.environ.get("SCHEMA", "").split(",") if name}

if ACTIVE - KNOWN:
    raise Exception("Unknown SCHEMA: " + ", ".join(sorted(ACTIVE - KNOWN)))


def changed(name):
    """Tell whether the change `name` is in force."""
    if name not in KNOWN:
        raise Exception("Not a change: " + name)
    return name in ACTIVE
