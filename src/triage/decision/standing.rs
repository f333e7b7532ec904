//! How a refused row stands: decided, asked, or still open.

use std::collections::{HashMap, HashSet};

use super::super::cause::Causes;
use super::super::failure::Failure;
use super::super::saying::{Gone, gone};
use super::{Choice, Decision, Decisions, Scope, canonical};

/// How a refused row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing is decided for it.
    Undecided,
    /// The developer is asked.
    Asked,
    /// The row that it follows from is decided so that it will be there: this one needs nothing.
    Follows,
    /// It will not be loaded.
    LeftOut,
    /// Something is changed so that it may be loaded.
    Changed,
}

impl Standing {
    /// Tells whether somebody has still to decide.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Undecided | Self::Asked)
    }
}

impl Decisions {
    /// Tells how each failure stands, in their order. It looks at every row once, however many decisions there are.
    #[must_use]
    pub fn standings(&self, causes: &Causes) -> Vec<Standing> {
        let index = Index::of(self);
        let own: Vec<Standing> = causes.failures.iter().map(|failure| own(index.of_row(failure), failure)).collect();
        (0..own.len()).map(|row| standing(&own, causes, row)).collect()
    }

    /// Returns the failures that are still open, as places in `causes`.
    #[must_use]
    pub fn undecided(&self, causes: &Causes) -> Vec<usize> {
        let standings = self.standings(causes).into_iter().enumerate();
        standings.filter(|(_, standing)| standing.is_open()).map(|(row, _)| row).collect()
    }
}

/// A decision with its place in the list.
type Entry<'a> = (usize, &'a Decision);

/// Decisions by what they are for.
struct Index<'a> {
    /// By model, those for all its rows.
    all: HashMap<String, Vec<Entry<'a>>>,
    /// By model and key.
    rows: HashMap<String, HashMap<&'a str, Vec<Entry<'a>>>>,
}

impl<'a> Index<'a> {
    fn of(decisions: &'a Decisions) -> Self {
        let mut index = Self { all: HashMap::new(), rows: HashMap::new() };
        for entry in decisions.iter().enumerate() {
            let (_, decision) = entry;
            let model = canonical(&decision.model);
            match &decision.rows {
                Scope::All(_) => index.all.entry(model).or_default().push(entry),
                Scope::These(keys) => {
                    let rows = index.rows.entry(model).or_default();
                    for key in keys {
                        rows.entry(key).or_default().push(entry);
                    }
                }
            }
        }
        index
    }

    /// Returns the decisions for a row, the earliest first.
    fn of_row(&self, failure: &Failure) -> Vec<&'a Decision> {
        let mut names = vec![canonical(failure.model_or_table()), canonical(&failure.table)];
        names.dedup();
        let mut found: Vec<Entry<'a>> = Vec::new();
        for name in names {
            found.extend(self.all.get(&name).into_iter().flatten());
            found.extend(self.rows.get(&name).and_then(|rows| rows.get(failure.key.as_str())).into_iter().flatten());
        }
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, decision)| decision).collect()
    }
}

/// Tells how a failure stands, once it is known what the decisions for each row alone say.
fn standing(own: &[Standing], causes: &Causes, row: usize) -> Standing {
    let of = |row: usize| own.get(row).copied().unwrap_or(Standing::Undecided);
    let mut leader = if of(row) == Standing::Undecided { causes.leader(row) } else { return of(row) };
    // A leader that is itself open leads on; circles were opened when the causes were found.
    while let Some(current) = leader {
        match of(current) {
            Standing::Changed => return Standing::Follows,
            Standing::LeftOut | Standing::Asked => return Standing::Undecided,
            Standing::Undecided | Standing::Follows => leader = causes.leader(current),
        }
    }
    Standing::Undecided
}

/// Tells what the row's own decisions say.
fn own(decisions: Vec<&Decision>, failure: &Failure) -> Standing {
    let mut standing = Standing::Undecided;
    let mut settled: HashSet<&str> = HashSet::new();
    for decision in decisions {
        standing = match &decision.choice {
            Choice::Undecided => Standing::Undecided,
            Choice::Ask(_) => Standing::Asked,
            Choice::LeaveOut => Standing::LeftOut,
            _ if !speaks_to(decision, failure) => standing,
            _ => Standing::Changed,
        };
        match &decision.choice {
            Choice::Undecided => settled.clear(),
            Choice::Rename(_) => settled.extend(unknown(failure)),
            choice => settled.extend(choice.places().into_iter().map(plain)),
        }
    }
    // A field that the new version does not know is refused whatever becomes of the other fields.
    let left = || unknown(failure).any(|field| !settled.contains(field));
    if standing == Standing::Changed && left() { Standing::Undecided } else { standing }
}

/// Returns the fields of a failure that the new version does not know, or whose translations it does not.
fn unknown(failure: &Failure) -> impl Iterator<Item = &str> {
    let said = failure.messages.values().flatten().filter_map(|text| gone(text));
    let fields = said.flat_map(|gone| match gone {
        Gone::Fields(fields) => fields,
        Gone::Translations(field) => vec![field],
    });
    fields.map(plain)
}

/// Returns the name of a field, for the parameter of a foreign key, too.
fn plain(field: &str) -> &str {
    field.strip_suffix("_id").unwrap_or(field)
}

/// Tells whether a decision speaks to what was refused. One for the row itself does; one for all rows of the model does
/// when its field is what was refused.
fn speaks_to(decision: &Decision, failure: &Failure) -> bool {
    if matches!(decision.rows, Scope::These(_)) || matches!(decision.choice, Choice::Rename(_)) {
        return true;
    }
    let mut fields = decision.choice.values();
    fields.extend(decision.choice.places());
    if let Choice::Copy(names) = &decision.choice {
        fields.extend(names.keys().map(String::as_str));
    }
    let unknown: Vec<&str> = unknown(failure).collect();
    fields.iter().any(|field| {
        if unknown.contains(&plain(field)) {
            return true;
        }
        failure.messages.iter().any(|(of, texts)| {
            of == field || of == plain(field) || of.is_empty() && texts.iter().any(|text| has_word(text, field))
        })
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| letter != '_' && !letter.is_alphanumeric()).any(|part| part == word)
}
