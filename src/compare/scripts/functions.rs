//! Two create functions of one model: where it is kept, what it is part of, its fields and how their values are read.

use foldhash::HashMap;

use super::super::difference::{Change, Class, Difference, Rows, Subject};
use super::side::Side;
use super::{difference, suffix};
use crate::dump::{Conversion, Function, Parameter};

/// The functions that both scripts have for a model.
pub(super) struct Both<'a> {
    pub model: &'a str,
    old: &'a Function,
    new: &'a Function,
    /// Their parameters, without those at the beginning and at the end that are the same.
    pub fields: [&'a [Parameter]; 2],
}

impl<'a> Both<'a> {
    pub fn new(model: &'a str, old: &'a Function, new: &'a Function) -> Self {
        let same =
            |(one, other): &(&Parameter, &Parameter)| one.name == other.name && one.conversion == other.conversion;
        let (mine, theirs) = (old.parameters.as_slice(), new.parameters.as_slice());
        let first = mine.iter().zip(theirs).take_while(same).count();
        let (mine, theirs) = (mine.get(first..).unwrap_or_default(), theirs.get(first..).unwrap_or_default());
        let last = mine.iter().rev().zip(theirs.iter().rev()).take_while(same).count();
        let fields = [mine, theirs].map(|fields| fields.get(..fields.len() - last).unwrap_or_default());
        Self { model, old, new, fields }
    }

    /// Tells whether both take the same fields in the same order and read them alike.
    pub const fn has_same_fields(&self) -> bool {
        let [old, new] = self.fields;
        old.is_empty() && new.is_empty()
    }
}

/// Compares the functions of a model.
pub(super) fn compare(both: &Both<'_>, old: &Side<'_>, new: &Side<'_>, found: &mut Vec<Difference>) {
    let parents = [parent(old, both.old), parent(new, both.new)];
    let languages = &old.script.languages;
    let choicelists = old.choicelists && new.choicelists;
    let mut say = Findings { model: both.model, table: &both.old.table, languages, choicelists, found };
    say.place(&both.old.table, &both.new.table);
    say.parents(parents);
    say.fields(both, parents[0] != parents[1]);
}

/// Tells whether two functions of one model, of whatever text, mean the same. Edits are not looked at.
pub(in super::super) fn is_noise(old: &Function, new: &Function) -> bool {
    let mut found = Vec::new();
    let mut say = Findings { model: "", table: "", languages: &[], choicelists: true, found: &mut found };
    say.place(&old.table, &new.table);
    say.fields(&Both::new("", old, new), false);
    let dropped = |function: &Function| -> usize {
        function.parameters.iter().filter(|parameter| parameter.stored.is_none()).count()
    };
    let variables = (&old.model, &old.parent) == (&new.model, &new.parent);
    variables && dropped(old) == dropped(new) && found.iter().all(|difference| difference.class == Class::Noise)
}

fn parent<'a>(side: &Side<'a>, function: &'a Function) -> Option<&'a str> {
    function.parent.as_deref().map(|variable| side.name(variable))
}

/// Where the differences of one model go.
struct Findings<'a> {
    model: &'a str,
    /// The table of the old script.
    table: &'a str,
    /// The languages of the old script.
    languages: &'a [String],
    /// Whether both scripts name choicelists.
    choicelists: bool,
    found: &'a mut Vec<Difference>,
}

impl Findings<'_> {
    fn of_model(&mut self, class: Class, change: Change, text: &str, rows: Vec<Rows>) {
        self.push(class, Subject::Model(self.model.to_owned()), change, text, rows);
    }

    fn of_field(&mut self, field: &str, class: Class, change: Change, text: &str, rows: Vec<Rows>) {
        self.push(class, Subject::Field(self.model.to_owned(), field.to_owned()), change, text, rows);
    }

    fn push(&mut self, class: Class, subject: Subject, change: Change, text: &str, rows: Vec<Rows>) {
        let rows = rows.into_iter().map(|rows| (self.table, rows)).collect();
        self.found.push(difference(class, subject, change, text, rows));
    }

    fn place(&mut self, from: &str, to: &str) {
        if from != to {
            let change = Change::Place { from: from.to_owned(), to: to.to_owned() };
            self.of_model(Class::Additive, change, &format!("moves from table {from} to {to}"), Vec::new());
        }
    }

    fn parents(&mut self, [from, to]: [Option<&str>; 2]) {
        if from != to {
            let (before, after) = (from.unwrap_or("nothing"), to.unwrap_or("nothing"));
            let list = |parent: Option<&str>| parent.map(str::to_owned).into_iter().collect();
            let change = Change::Parents { from: list(from), to: list(to) };
            let text = format!("was a part of {before} and is one of {after}");
            self.of_model(Class::Destructive, change, &text, vec![Rows::All]);
        }
    }

    fn fields(&mut self, both: &Both<'_>, other_parents: bool) {
        // Most functions of a large site: nothing has to be looked up.
        if both.has_same_fields() {
            return;
        }
        let [old, new] = both.fields;
        let (before, after) = (by_name(old), by_name(new));
        // The link to the parent is told with the parent.
        let link = |parameter: &Parameter| other_parents && parameter.conversion == Conversion::ParentLink;
        for parameter in new {
            match before.get(parameter.name.as_str()) {
                Some(former) if !link(former) && !link(parameter) => self.conversion(former, parameter),
                None if !link(parameter) => self.added(&parameter.name),
                _ => {}
            }
        }
        for parameter in old.iter().filter(|parameter| !after.contains_key(parameter.name.as_str())) {
            if !link(parameter) {
                self.removed(parameter);
            }
        }
        self.order(both, &before, &after);
        self.lookups(old, &after);
    }

    fn added(&mut self, field: &str) {
        let text = "is new; the script does not tell whether it must have a value";
        self.of_field(field, Class::Additive, Change::Added, text, Vec::new());
    }

    fn removed(&mut self, parameter: &Parameter) {
        let mut rows = vec![Rows::NotEmpty(parameter.name.to_string())];
        if parameter.conversion == Conversion::Babel {
            rows.extend(self.translations(&parameter.name));
        }
        let text = "is gone: its values have no place in the new version";
        self.of_field(&parameter.name, Class::Destructive, Change::Removed, text, rows);
    }

    fn translations(&self, field: &str) -> Vec<Rows> {
        let others = self.languages.iter().skip(1);
        others.map(|language| Rows::NotEmpty(format!("{field}{}", suffix(self.languages, language)))).collect()
    }

    fn conversion(&mut self, before: &Parameter, after: &Parameter) {
        let (from, to) = (&before.conversion, &after.conversion);
        let unknown = matches!(
            (from, to),
            (Conversion::Plain, Conversion::Choice { .. }) | (Conversion::Choice { .. }, Conversion::Plain)
        );
        if is_same(from, to) || (unknown && !self.choicelists) {
            return;
        }
        let field = before.name.as_str();
        let (former, latter) = (word(from), word(to));
        let kinds = || Change::Class { from: former.clone(), to: latter.clone() };
        let unfit = |kind: &str| vec![Rows::Unfit(field.to_owned(), kind.to_owned())];
        match (from, to) {
            (Conversion::Plain, Conversion::Babel) => {
                self.of_field(field, Class::Additive, Change::Translated, "has one text per language now", Vec::new());
            }
            (Conversion::Babel, Conversion::Plain) => {
                let text = "has one text for all languages now: the translations have no place";
                let rows = self.translations(field);
                self.of_field(field, Class::Destructive, Change::Untranslated, text, rows);
            }
            (_, Conversion::Decimal) => {
                let text = format!("is {latter} instead of {former}: values that are no numbers are refused");
                self.of_field(field, Class::DataDependent, kinds(), &text, unfit("numeric"));
            }
            (Conversion::Choice { list: old, .. }, Conversion::Choice { list: new, .. }) => {
                let text = format!("takes its values from the choicelist {new} instead of {old}");
                self.of_field(field, Class::DataDependent, kinds(), &text, unfit(&latter));
            }
            (_, Conversion::Choice { list, .. }) => {
                let text = format!("may only have values of the choicelist {list} now");
                self.of_field(field, Class::DataDependent, kinds(), &text, unfit(&latter));
            }
            (Conversion::Choice { list, .. }, _) => {
                let text = format!("is {latter} and takes no values of the choicelist {list} any more");
                self.of_field(field, Class::DataDependent, kinds(), &text, unfit(&latter));
            }
            _ => {
                let text = format!("is {latter} instead of {former}");
                self.of_field(field, Class::DataDependent, kinds(), &text, unfit(&latter));
            }
        }
    }

    /// Rows are written in the order of their own script, so that another order there means nothing.
    fn order(&mut self, both: &Both<'_>, before: &ByName<'_>, after: &ByName<'_>) {
        let [old, new] = both.fields;
        if common(old, after) != common(new, before) {
            let (old, new) = (&both.old.parameters, &both.new.parameters);
            let (from, to) = (common(old, &by_name(new)), common(new, &by_name(old)));
            let change = Change::Written { from: Some(from.join(", ")), to: Some(to.join(", ")) };
            self.of_model(Class::Noise, change, "has its fields in another order", Vec::new());
        }
    }

    /// Since 2018 the line that looks up a choice is a comment.
    fn lookups(&mut self, old: &[Parameter], after: &ByName<'_>) {
        let otherwise = old.iter().any(|parameter| {
            let new = after.get(parameter.name.as_str()).map(|other| &other.conversion);
            match (&parameter.conversion, new) {
                (
                    Conversion::Choice { looked_up: was, list },
                    Some(Conversion::Choice { looked_up: is, list: other }),
                ) => was != is && list == other,
                _ => false,
            }
        });
        if otherwise {
            let change = Change::Written { from: None, to: None };
            self.of_model(Class::Noise, change, "has its choices looked up elsewhere", Vec::new());
        }
    }
}

type ByName<'a> = HashMap<&'a str, &'a Parameter>;

fn by_name(parameters: &[Parameter]) -> ByName<'_> {
    parameters.iter().map(|parameter| (parameter.name.as_str(), parameter)).collect()
}

/// The names that are known there as well, in their order here.
fn common<'a>(parameters: &'a [Parameter], known: &ByName<'_>) -> Vec<&'a str> {
    let names = parameters.iter().map(|parameter| parameter.name.as_str());
    names.filter(|name| known.contains_key(name)).collect()
}

fn is_same(from: &Conversion, to: &Conversion) -> bool {
    match (from, to) {
        (Conversion::Choice { list: old, .. }, Conversion::Choice { list: new, .. }) => old == new,
        _ => from == to,
    }
}

/// Names what a value is read as.
pub(super) fn word(conversion: &Conversion) -> String {
    match conversion {
        Conversion::Plain => "a plain value".to_owned(),
        Conversion::Decimal => "a decimal number".to_owned(),
        Conversion::Choice { list, .. } => format!("a choice of {list}"),
        Conversion::ContentType => "a content type".to_owned(),
        Conversion::Babel => "a text per language".to_owned(),
        Conversion::ParentLink => "the link to its parent".to_owned(),
    }
}
