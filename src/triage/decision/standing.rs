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
        let mut found = vec![Standing::Undecided; causes.failures.len()];
        if self.is_empty() {
            return found;
        }
        let index = Index::of(self);
        let mut names = Names::default();
        let mut decisions = Vec::new();
        for (failure, standing) in causes.failures.iter().zip(&mut found) {
            index.of_row(failure, names.of(failure, &index), &mut decisions);
            if !decisions.is_empty() {
                *standing = own(decisions.iter().map(|(_, decision)| *decision), failure);
            }
        }
        follow(&mut found, causes);
        found
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

/// Decisions by what they are for: by model, which has a number.
struct Index<'a> {
    numbers: HashMap<String, usize>,
    models: Vec<OfModel<'a>>,
}

/// Decisions for rows of one model.
#[derive(Default)]
struct OfModel<'a> {
    /// Those for all its rows.
    all: Vec<Entry<'a>>,
    /// By key, the last place in `some` that has a decision for it.
    rows: HashMap<&'a str, usize, foldhash::fast::RandomState>,
    /// Decisions for some rows, each once for each row, with the place of the one before it for the same row.
    some: Vec<(Entry<'a>, Option<usize>)>,
}

impl<'a> Index<'a> {
    fn of(decisions: &'a Decisions) -> Self {
        let mut index = Self { numbers: HashMap::new(), models: Vec::new() };
        for entry in decisions.iter().enumerate() {
            let (_, decision) = entry;
            let number = *index.numbers.entry(canonical(&decision.model)).or_insert_with(|| {
                index.models.push(OfModel::default());
                index.models.len() - 1
            });
            let Some(model) = index.models.get_mut(number) else { continue };
            match &decision.rows {
                Scope::All(_) => model.all.push(entry),
                Scope::These(keys) => {
                    model.rows.reserve(keys.len());
                    for key in keys {
                        let before = model.rows.insert(key, model.some.len());
                        model.some.push((entry, before));
                    }
                }
            }
        }
        index
    }

    /// Finds the decisions for a row, the earliest first.
    fn of_row(&self, failure: &Failure, models: [Option<usize>; 2], found: &mut Vec<Entry<'a>>) {
        found.clear();
        for model in models.into_iter().flatten().filter_map(|number| self.models.get(number)) {
            found.extend(&model.all);
            let mut next = model.rows.get(failure.key.as_str()).copied();
            while let Some((entry, before)) = next.and_then(|at| model.some.get(at)) {
                found.push(*entry);
                next = *before;
            }
        }
        found.sort_unstable_by_key(|(place, _)| *place);
    }
}

/// Remembers under which numbers the decisions for a model and its table stand: rows of one table mostly follow each
/// other.
#[derive(Default)]
struct Names<'a> {
    last: Option<(&'a str, &'a str, [Option<usize>; 2])>,
}

impl<'a> Names<'a> {
    fn of(&mut self, failure: &'a Failure, index: &Index<'_>) -> [Option<usize>; 2] {
        let (model, table) = (failure.model_or_table(), failure.table.as_str());
        if let Some((known, of, numbers)) = self.last
            && (known, of) == (model, table)
        {
            return numbers;
        }
        let number = |name: &str| index.numbers.get(&canonical(name)).copied();
        let mut numbers = [number(model), number(table)];
        if numbers[0] == numbers[1] {
            numbers[1] = None;
        }
        self.last = Some((model, table, numbers));
        numbers
    }
}

/// Tells how rows stand that follow from others, once it is known what the decisions for each row alone say.
fn follow(standings: &mut [Standing], causes: &Causes) {
    let mut told = vec![false; standings.len()];
    let mut above = Vec::new();
    for row in 0..standings.len() {
        // A leader that is itself open leads on; circles were opened when the causes were found.
        let mut leader = Some(row);
        let mut standing = Standing::Undecided;
        while let Some(current) = leader {
            let own = standings.get(current).copied().unwrap_or(Standing::Undecided);
            let is_told = told.get(current).copied().unwrap_or(true);
            if is_told || own != Standing::Undecided {
                if matches!(own, Standing::Changed | Standing::Follows) {
                    standing = Standing::Follows;
                }
                break;
            }
            above.push(current);
            leader = causes.leader(current);
        }
        for row in above.drain(..) {
            standings.get_mut(row).into_iter().for_each(|known| *known = standing);
            told.get_mut(row).into_iter().for_each(|told| *told = true);
        }
    }
}

/// Tells what the row's own decisions say.
fn own<'a>(decisions: impl Iterator<Item = &'a Decision>, failure: &Failure) -> Standing {
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
