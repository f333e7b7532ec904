//! What several sources say of the same thing, told once: by the models where they say it, for they say most.

use super::super::difference::{Change, Class, Difference, Question, Rows, Subject};
use super::super::evidence::Source;
use super::super::model::Models;
use super::ground::{named, with_table};
use super::keys::{self, Key};
use super::{Sources, parents, pointers};

/// A difference, and who found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Who says so.
    pub sources: Vec<Source>,
    /// What they say.
    pub difference: Difference,
    /// Whether the database itself is not as the new version wants it.
    pub(super) in_database: bool,
}

impl Merged {
    /// Returns what to count.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        self.difference.questions.clone()
    }
}

/// Brings together what the sources say of the same thing.
#[must_use]
pub fn merge(sources: &Sources) -> Vec<Merged> {
    let mut all: Vec<(Vec<Key>, Merged)> = Vec::new();
    let of_models = sources.models.as_ref().map(|[before, after]| super::super::models::compare(before, after));
    for difference in of_models.into_iter().flat_map(|models| models.differences) {
        all.push((keys::of(sources, &difference), alone(Source::Models, difference)));
    }
    for difference in sources.scripts.iter().flat_map(|scripts| &scripts.differences) {
        add(sources, &mut all, Source::Scripts, of_choicelists(sources, difference.clone()));
    }
    for difference in sources.catalogue.iter().flatten() {
        add(sources, &mut all, Source::Catalogue, difference.clone());
    }
    let mut merged: Vec<Merged> = all.into_iter().map(|(_, merged)| merged).collect();
    for one in &mut merged {
        let questions = std::mem::take(&mut one.difference.questions);
        one.difference.questions = questions.into_iter().map(|question| asked_of_rows(sources, question)).collect();
    }
    for one in merged.iter_mut().filter(|one| parents::gains(sources, &one.difference)) {
        one.difference.questions = parents::questions(sources, &one.difference.subject);
    }
    merged.extend(pointers::to_what_is_gone(sources, &merged).into_iter().map(|it| alone(Source::Scripts, it)));
    merged
}

fn alone(source: Source, difference: Difference) -> Merged {
    let in_database = source == Source::Catalogue && difference.class != Class::Noise;
    Merged { sources: vec![source], difference, in_database }
}

fn add(sources: &Sources, all: &mut Vec<(Vec<Key>, Merged)>, source: Source, difference: Difference) {
    let keys = keys::of(sources, &difference);
    let same_field = |known: &Merged| {
        let of_field = matches!(difference.subject, Subject::Field(..)) && source == Source::Scripts;
        of_field && same_place(sources, &known.difference.subject, &difference.subject)
    };
    let at = all
        .iter()
        .position(|(known, _)| known.iter().any(|key| keys.contains(key)))
        .or_else(|| all.iter().position(|(_, known)| same_field(known)));
    let Some((_, known)) = at.and_then(|at| all.get_mut(at)) else {
        all.push((keys, alone(source, difference)));
        return;
    };
    if !known.sources.contains(&source) {
        known.sources.push(source);
    }
    let new = alone(source, difference);
    known.in_database |= new.in_database;
    // That a column has to go is explained by what is known: its values move, or are told of already. Which rows are
    // equal is known better by the models, too.
    let is_explained = matches!(new.difference.change, Change::Removed | Change::Unique(_));
    if new.difference.class > known.difference.class && !is_explained {
        known.difference.class = new.difference.class;
        if known.difference.questions.is_empty() {
            known.difference.questions = new.difference.questions;
        }
    }
}

/// Scripts only know the name of a choicelist. Where the models know its values, they have said what matters.
fn of_choicelists(sources: &Sources, difference: Difference) -> Difference {
    let (Change::Class { .. }, Subject::Field(model, name)) = (&difference.change, &difference.subject) else {
        return difference;
    };
    let values_are_known = |models: &Models| {
        let mut fields = named(models, model).into_iter().flat_map(|model| &model.fields);
        let field = fields.find(|field| field.attname == *name);
        field.is_some_and(|field| field.choicelist.is_some() && field.choices.iter().any(|values| !values.is_empty()))
    };
    if !sources.models.as_ref().is_ok_and(|both| both.iter().all(values_are_known)) {
        return difference;
    }
    Difference { class: Class::Noise, questions: Vec::new(), ..difference }
}

/// Tells whether two names of a field mean the same one: scripts call a foreign key by its column.
fn same_place(sources: &Sources, one: &Subject, other: &Subject) -> bool {
    let (Subject::Field(model, name), Subject::Field(of, called)) = (one, other) else { return false };
    let models = sources.models.iter().flatten();
    let fields = models.filter_map(|models| named(models, model)).flat_map(|model| &model.fields);
    let mut known = fields.filter(|field| field.name == *name);
    model == of && (name == called || known.any(|field| field.attname == *called))
}

/// Rewrites a question in the words of the row files: tables of the old version, and attributes for columns.
fn asked_of_rows(sources: &Sources, question: Question) -> Question {
    let Ok([before, after]) = &sources.models else { return question };
    let former = |table: &str| -> String {
        if with_table(before, table).is_some() {
            return table.to_owned();
        }
        let moved = with_table(after, table).and_then(|model| named(before, &model.model));
        moved.map_or_else(|| table.to_owned(), |model| model.table.clone())
    };
    let attribute = |table: &str, column: String| -> String {
        let fields = with_table(before, table).into_iter().flat_map(|model| &model.fields);
        let field = fields.clone().find(|field| field.attname == column).is_none();
        let mut called = fields.filter(|known| field && known.column.as_ref() == Some(&column));
        called.next().map_or(column, |field| field.attname.clone())
    };
    let table = former(&question.table);
    let own = |column| attribute(&table, column);
    let rows = match question.rows {
        Rows::All => Rows::All,
        Rows::NotEmpty(column) => Rows::NotEmpty(own(column)),
        Rows::Empty(column) => Rows::Empty(own(column)),
        Rows::IsNull(column) => Rows::IsNull(own(column)),
        Rows::LongerThan(column, length) => Rows::LongerThan(own(column), length),
        Rows::ShorterThan(column, length) => Rows::ShorterThan(own(column), length),
        Rows::Below(column, limit) => Rows::Below(own(column), limit),
        Rows::Above(column, limit) => Rows::Above(own(column), limit),
        Rows::MoreDigits(column, digits, places) => Rows::MoreDigits(own(column), digits, places),
        Rows::NotIn(column, values) => Rows::NotIn(own(column), values),
        Rows::Duplicates(columns) => Rows::Duplicates(columns.into_iter().map(own).collect()),
        Rows::Unfit(column, kind) => Rows::Unfit(own(column), kind),
        Rows::Dangling { column, table: target, key } => {
            let target = former(&target);
            let key = parents::former_key(sources, &target, &key).unwrap_or_else(|| attribute(&target, key));
            Rows::Dangling { column: own(column), table: target, key }
        }
        Rows::Taken { column, table: target, key } => {
            let target = former(&target);
            let key = attribute(&target, key);
            Rows::Taken { column: own(column), table: target, key }
        }
    };
    Question { table, rows }
}
