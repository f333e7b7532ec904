//! Fields of a model that both versions have, and those that only one has.

use std::collections::BTreeSet;

use super::super::catalogue::change_of_type;
use super::super::column_type::ColumnType;
use super::super::difference::{Change, Class, Difference, Rows, Subject};
use super::super::model::Validator;
use super::{Field, Model, Models, difference, named};

/// Classes that take whatever their column takes. Others validate more.
const LENIENT: [&str; 14] = [
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BooleanField",
    "CharField",
    "DateField",
    "DateTimeField",
    "FloatField",
    "ForeignKey",
    "IntegerField",
    "OneToOneField",
    "RichTextField",
    "TextField",
    "TimeField",
];

pub(super) fn added(model: &Model, field: &Field) -> Difference {
    let subject = Subject::Field(model.model.clone(), field.name.clone());
    // An empty text is what Django writes into a text field that nobody filled.
    let may_be_empty = !refuses_empty(field) && (field.null || is_text(field) || field.auto_now);
    if !may_be_empty && !field.has_default && !field.primary_key {
        let text = if field.filled {
            "is new and must not be empty; the rows of today have only what the code of the application gives them"
        } else {
            "is new and must not be empty, and the rows of today have no value for it"
        };
        return difference(Class::DataDependent, subject, Change::Added, text, (&model.table, vec![Rows::All]));
    }
    difference(Class::Additive, subject, Change::Added, "is new", (&model.table, vec![]))
}

pub(super) fn removed(model: &Model, field: &Field) -> Difference {
    let subject = Subject::Field(model.model.clone(), field.name.clone());
    let rows = std::iter::once(Rows::NotEmpty(field.attname.clone())).chain(translations(model, field)).collect();
    let text = "is gone: its values have no place in the new version";
    difference(Class::Destructive, subject, Change::Removed, text, (&model.table, rows))
}

/// Tells whether Django's validation refuses an empty value.
fn refuses_empty(field: &Field) -> bool {
    !field.blank && field.editable != Some(false)
}

fn translations(model: &Model, field: &Field) -> Vec<Rows> {
    let fields = model.fields.iter().filter(|other| other.babel_of.as_ref() == Some(&field.name));
    fields.map(|field| Rows::NotEmpty(field.attname.clone())).collect()
}

fn is_text(field: &Field) -> bool {
    let name = field.db_type.as_deref().map(|text| ColumnType::read(text, None).name).unwrap_or_default();
    field.target.is_none() && (name.ends_with("char") || name.ends_with("text"))
}

/// Compares the two descriptions of a field.
pub(super) fn compare(model: &Model, (before, after): (&Field, &Field), models: &Models, found: &mut Vec<Difference>) {
    let mut say = Findings { model, before, after, models, found };
    say.target();
    say.kind();
    say.digits();
    say.empty();
    say.choices();
    say.translation();
    say.class();
    say.validators();
    say.the_rest();
}

struct Findings<'a> {
    model: &'a Model,
    before: &'a Field,
    after: &'a Field,
    models: &'a Models,
    found: &'a mut Vec<Difference>,
}

impl Findings<'_> {
    fn push(&mut self, class: Class, change: Change, text: &str, rows: Vec<Rows>) {
        let subject = Subject::Field(self.model.model.clone(), self.after.name.clone());
        self.found.push(difference(class, subject, change, text, (&self.model.table, rows)));
    }

    /// The name that the values have in row files.
    fn attribute(&self) -> String {
        self.before.attname.clone()
    }

    fn target(&mut self) {
        let (from, to) = (self.before.target.clone(), self.after.target.clone());
        if from == to {
            return;
        }
        let name = |target: &Option<String>| target.clone().unwrap_or_else(|| "nothing".to_owned());
        let text = format!("points to {} instead of {}", name(&to), name(&from));
        let rows = match &to {
            Some(target) => vec![self.dangling(target)],
            None => vec![],
        };
        let class = if rows.is_empty() { Class::Additive } else { Class::DataDependent };
        self.push(class, Change::Target { from, to }, &text, rows);
    }

    fn dangling(&self, target: &str) -> Rows {
        let model = named(self.models, target);
        let key = self.after.target_column.clone().or_else(|| model.map(|model| model.pk_column.clone()));
        Rows::Dangling {
            column: self.attribute(),
            table: model.map_or_else(|| target.to_owned(), |model| model.table.clone()),
            key: key.unwrap_or_default(),
        }
    }

    fn kind(&mut self) {
        let (Some(from), Some(to)) = (&self.before.db_type, &self.after.db_type) else { return };
        let from = ColumnType::read(from, self.before.db_check.as_deref());
        let mut to = ColumnType::read(to, self.after.db_check.as_deref());
        if to.name == "numeric" && from.name != to.name {
            to.arguments = self.after.max_digits.into_iter().chain(self.after.decimal_places).collect();
        }
        // Digits are told by the fields themselves: SQLite does not know them.
        if from == to || (from.name == "numeric" && to.name == "numeric") {
            return;
        }
        let (class, change, rows) = change_of_type(&self.attribute(), &from, &to);
        let text = match (from.length(), to.length()) {
            (Some(before), Some(after)) if from.name == to.name && after < before => {
                format!("takes {after} characters instead of {before}; longer texts are refused")
            }
            (Some(before), Some(after)) if from.name == to.name => {
                format!("takes {after} characters instead of {before}")
            }
            _ => format!("is {to} instead of {from}"),
        };
        self.push(class, change, &text, rows);
    }

    fn digits(&mut self) {
        let digits = |field: &Field| field.max_digits.zip(field.decimal_places);
        let (Some(from), Some(to)) = (digits(self.before), digits(self.after)) else { return };
        if from == to {
            return;
        }
        let wide =
            |(digits, places): (u64, u64)| ColumnType { name: "numeric".into(), arguments: vec![digits, places] };
        let (class, change, rows) = change_of_type(&self.attribute(), &wide(from), &wide(to));
        let text =
            format!("takes {} digits, {} of them after the point, instead of {} and {}", to.0, to.1, from.0, from.1);
        self.push(class, change, &text, rows);
    }

    fn empty(&mut self) {
        let (before, after) = (self.before, self.after);
        if !refuses_empty(before) && refuses_empty(after) {
            let rows = vec![Rows::Empty(self.attribute())];
            self.push(Class::DataDependent, Change::Required, "must not be empty any more", rows);
        } else if before.null && !after.null {
            let rows = vec![Rows::IsNull(self.attribute())];
            self.push(Class::DataDependent, Change::NotNull, "must not be NULL any more", rows);
        } else if !before.null && after.null {
            // The column changes, too.
            self.push(Class::Additive, Change::Nullable, "may be NULL now", vec![]);
        } else if refuses_empty(before) && !refuses_empty(after) {
            self.push(Class::Noise, Change::Optional, "may be empty now", vec![]);
        }
    }

    fn choices(&mut self) {
        match (&self.before.choices, &self.after.choices) {
            (Some(before), Some(after)) => {
                let values = |choices: &[(serde_json::Value, Option<String>)]| -> Vec<String> {
                    choices.iter().map(|(value, _)| plain(value)).collect()
                };
                let (old, new) = (values(before), values(after));
                let missing = |from: &[String], these: &[String]| -> Vec<String> {
                    let known: BTreeSet<&String> = from.iter().collect();
                    these.iter().filter(|value| !known.contains(value)).cloned().collect()
                };
                let (added, removed) = (missing(&old, &new), missing(&new, &old));
                let change = Change::Choices { added: added.clone(), removed: removed.clone() };
                if !removed.is_empty() {
                    let text = format!("may not be {} any more", quoted(&removed, before));
                    self.push(Class::DataDependent, change, &text, vec![Rows::NotIn(self.attribute(), new)]);
                } else if !added.is_empty() {
                    self.push(Class::Additive, change, &format!("may be {} now", quoted(&added, after)), vec![]);
                } else if before != after {
                    self.push(Class::Noise, change, "shows its choices otherwise", vec![]);
                }
            }
            (None, Some(after)) => {
                let values: Vec<String> = after.iter().map(|(value, _)| plain(value)).collect();
                let rows = vec![Rows::NotIn(self.attribute(), values.clone())];
                let text = format!("may only be {} now", quoted(&values, after));
                self.push(Class::DataDependent, Change::Limited(values), &text, rows);
            }
            (Some(_), None) => {
                self.push(Class::Additive, Change::Unlimited, "is not limited to choices any more", vec![]);
            }
            (None, None) => {}
        }
    }

    fn translation(&mut self) {
        // A field that is a translation itself follows the one that it translates.
        let translated = |field: &Field| field.babel && field.babel_of.is_none();
        match (translated(self.before), translated(self.after)) {
            (false, true) => {
                self.push(Class::Additive, Change::Translated, "has one text per language now", vec![]);
            }
            (true, false) => {
                let text = "has one text for all languages now: the translations have no place";
                self.push(Class::Destructive, Change::Untranslated, text, translations(self.model, self.before));
            }
            _ => {}
        }
    }

    fn class(&mut self) {
        let (from, to) = (self.before.class.clone(), self.after.class.clone());
        let column =
            |field: &Field| field.db_type.as_deref().map(|text| ColumnType::read(text, field.db_check.as_deref()).name);
        let elsewhere = self.before.babel != self.after.babel || self.before.target != self.after.target;
        // Another type of column was told, and asks for more.
        if from == to || elsewhere || column(self.before) != column(self.after) {
            return;
        }
        let text = format!("is of the class {to} instead of {from}");
        let change = Change::Class { from, to: to.clone() };
        // Choices and digits were compared.
        if LENIENT.contains(&to.as_str()) || self.after.choices.is_some() || self.after.max_digits.is_some() {
            self.push(Class::Noise, change, &text, vec![]);
        } else {
            let text = format!("{text}, which may refuse other values");
            self.push(Class::DataDependent, change, &text, vec![Rows::Unfit(self.attribute(), to)]);
        }
    }

    fn validators(&mut self) {
        let names = |of: &Field, but: &Field| -> Vec<String> {
            let known: BTreeSet<String> = but.validators.iter().map(ToString::to_string).collect();
            of.validators.iter().map(ToString::to_string).filter(|name| !known.contains(name)).collect()
        };
        let (added, removed) = (names(self.after, self.before), names(self.before, self.after));
        if added.is_empty() && removed.is_empty() {
            return;
        }
        let change = Change::Validators { added: added.clone(), removed };
        if added.is_empty() {
            self.push(Class::Noise, change, "is validated less", vec![]);
            return;
        }
        let column = self.attribute();
        let new = self.after.validators.iter().filter(|validator| added.contains(&validator.to_string()));
        let rows = new.map(|validator| refused(&column, validator)).collect();
        let text = format!("is validated by {}, which may refuse values", added.join(", "));
        self.push(Class::DataDependent, change, &text, rows);
    }

    fn the_rest(&mut self) {
        let (before, after) = (self.before, self.after);
        if before.has_default != after.has_default || before.default != after.default {
            let change = Change::Default { from: before.default.clone(), to: after.default.clone() };
            self.push(Class::Noise, change, "has another default, which only new rows get", vec![]);
        }
        if before.on_delete != after.on_delete && before.target.is_some() && after.target.is_some() {
            let change = Change::OnDelete { from: before.on_delete.clone(), to: after.on_delete.clone() };
            self.push(Class::Noise, change, "behaves otherwise when its target is deleted", vec![]);
        }
        if before.column != after.column {
            let name = |field: &Field| field.column.clone().unwrap_or_default();
            let text = format!("moves from column {} to {}", name(before), name(after));
            let change = Change::Place { from: name(before), to: name(after) };
            self.push(Class::Additive, change, &text, vec![]);
        }
    }
}

/// Asks for the rows that a validator refuses.
fn refused(column: &str, validator: &Validator) -> Rows {
    let column = column.to_owned();
    let limit = validator.arguments.clone();
    let name = validator.class.rsplit('.').next().unwrap_or_default();
    match (name, limit.parse::<u64>()) {
        ("MinValueValidator", _) => Rows::Below(column, limit),
        ("MaxValueValidator", _) => Rows::Above(column, limit),
        ("MinLengthValidator", Ok(length)) => Rows::ShorterThan(column, length),
        ("MaxLengthValidator", Ok(length)) => Rows::LongerThan(column, length),
        _ => Rows::Unfit(column, validator.class.clone()),
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Names values as people see them.
fn quoted(values: &[String], choices: &[(serde_json::Value, Option<String>)]) -> String {
    let named = values.iter().map(|value| {
        let text = choices.iter().find(|(known, _)| plain(known) == *value).and_then(|(_, text)| text.as_deref());
        match text.filter(|text| text != value) {
            Some(text) => format!("“{value}” ({text})"),
            None => format!("“{value}”"),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}
