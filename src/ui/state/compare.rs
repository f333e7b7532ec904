//! The comparison as its screen shows it: the evidence, the list that is made from it, and what is chosen in it.

use std::sync::Arc;

use crate::compare::{Change, Class, Evidence, Found, Guess, Renaming, Subject, Touched};
use crate::procedure::DumpScripts;
use crate::ui::scripts_view::{Aligned, ScriptsView};
use crate::ui::text;

/// The question whose answer rests on the evidence.
pub const VERDICT: &str = "compare.verdict";

/// Which screen is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Steps, explanation and log.
    #[default]
    Main,
    /// The comparison.
    Compare,
    /// The triage.
    Triage,
}

/// The dump scripts, as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// There are none.
    #[default]
    Missing,
    /// They are being read, or will be when somebody looks.
    Reading,
    /// They are here.
    Read(Arc<Aligned>),
    /// At least one of them cannot be read: sentences with path and reason.
    Unreadable(Vec<String>),
}

/// The pane that the arrows move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// The list of differences.
    #[default]
    List,
    /// What is known of the chosen one.
    Detail,
    /// The scripts.
    Scripts,
}

/// Whether something is folded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folding {
    /// One line stands for it.
    #[default]
    Folded,
    /// All of it is shown.
    Unfolded,
}

impl Folding {
    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Folded => Self::Unfolded,
            Self::Unfolded => Self::Folded,
        }
    }
}

/// How much of the screen the scripts have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Their pane.
    #[default]
    Panes,
    /// All of it.
    ScriptsAlone,
}

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What each source says.
    Summary,
    /// The heading of a class, which is no entry to choose.
    Heading(Class),
    /// A difference, by its index in the evidence.
    Found(usize),
    /// The heading above renamings that belong to no difference of the list.
    Renamings,
    /// A probable renaming, by its index.
    Renaming(usize),
    /// The line for the noise, which folds and unfolds it.
    Noise,
    /// A noise, by its index.
    Quiet(usize),
}

impl Entry {
    /// Tells whether it can be chosen.
    #[must_use]
    pub const fn is_choice(self) -> bool {
        !matches!(self, Self::Heading(_) | Self::Renamings)
    }

    /// Tells whether it is a difference or a renaming.
    #[must_use]
    pub const fn is_difference(self) -> bool {
        matches!(self, Self::Found(_) | Self::Renaming(_) | Self::Quiet(_))
    }
}

/// A search in the list or in the scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// What is looked for.
    pub text: String,
    /// Where: the list, or the scripts.
    pub pane: Pane,
    /// Whether it is being typed.
    pub editing: bool,
    /// Whether it was found; none while nothing was looked for.
    pub found: Option<bool>,
}

/// What was compared, and how it is looked at. Kept while the screen is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// What was found.
    pub evidence: Box<Evidence>,
    /// Where the dump scripts are.
    pub paths: Option<DumpScripts>,
    /// The dump scripts.
    pub scripts: Scripts,
    /// How they are shown.
    pub view: ScriptsView,
    /// The chosen entry.
    pub chosen: Entry,
    /// Whether the noise is folded away.
    pub noise: Folding,
    /// The pane with the focus.
    pub pane: Pane,
    /// How much the scripts have.
    pub extent: Extent,
    /// Rows of the list that are above its pane.
    pub top: usize,
    /// Rows of the detail that are above its pane.
    pub scroll: usize,
    /// The search, while there is one.
    pub search: Option<Needle>,
}

/// The classes of the list, worst first.
const CLASSES: [Class; 3] = [Class::Destructive, Class::DataDependent, Class::Additive];

impl Compared {
    /// Takes in evidence, opened at the first difference that matters.
    #[must_use]
    pub fn new(evidence: Box<Evidence>, paths: Option<DumpScripts>) -> Self {
        let scripts = if paths.is_some() { Scripts::Reading } else { Scripts::Missing };
        let mut compared = Self {
            evidence,
            paths,
            scripts,
            view: ScriptsView::default(),
            chosen: Entry::Summary,
            noise: Folding::Folded,
            pane: Pane::List,
            extent: Extent::Panes,
            top: 0,
            scroll: 0,
            search: None,
        };
        compared.chosen = compared.first();
        compared
    }

    /// Returns the first difference that matters; the summary when there is none.
    fn first(&self) -> Entry {
        self.entries().into_iter().find(|entry| entry.is_difference()).unwrap_or(Entry::Summary)
    }

    /// Takes in newer evidence and keeps what is chosen, if it is still there.
    pub fn renew(&mut self, evidence: Box<Evidence>, paths: Option<DumpScripts>) {
        let chosen = self.chosen;
        let old = std::mem::replace(&mut self.evidence, evidence);
        let same = |known: Option<&Found>, list: &[Found]| {
            let known = &known?.difference;
            let subject = |found: &&Found| found.difference.subject == known.subject;
            let exactly = list
                .iter()
                .position(|found| found.difference.subject == known.subject && found.difference.change == known.change);
            exactly.or_else(|| list.iter().position(|found| subject(&found)))
        };
        self.chosen = match chosen {
            Entry::Found(at) => same(old.found.get(at), &self.evidence.found).map(Entry::Found),
            Entry::Quiet(at) => same(old.noise.get(at), &self.evidence.noise).map(Entry::Quiet),
            Entry::Renaming(at) => {
                let guess = old.renamings.get(at).map(|renaming| &renaming.guess);
                self.evidence.renamings.iter().position(|now| Some(&now.guess) == guess).map(Entry::Renaming)
            }
            other => Some(other),
        }
        .unwrap_or(Entry::Summary);
        if self.paths != paths {
            self.scripts = if paths.is_some() { Scripts::Reading } else { Scripts::Missing };
            self.view.forget();
            self.paths = paths;
        }
        if !self.entries().contains(&self.chosen) {
            self.chosen = self.first();
        }
    }

    /// Returns the rows of the list.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let evidence = &self.evidence;
        let mut rows = vec![Entry::Summary];
        let mut open: Vec<usize> = (0..evidence.renamings.len()).collect();
        for class in CLASSES {
            let of_class = |(_, found): &(usize, &Found)| found.difference.class == class;
            let mut found = evidence.found.iter().enumerate().filter(of_class).peekable();
            if found.peek().is_some() {
                rows.push(Entry::Heading(class));
            }
            for (at, found) in found {
                rows.push(Entry::Found(at));
                let belongs = |index: &usize| {
                    evidence.renamings.get(*index).is_some_and(|renaming| explains(renaming, &found.difference.subject))
                };
                rows.extend(open.iter().copied().filter(belongs).map(Entry::Renaming));
                open.retain(|index| !belongs(index));
            }
        }
        if !open.is_empty() {
            rows.push(Entry::Renamings);
            rows.extend(open.into_iter().map(Entry::Renaming));
        }
        let stray = evidence.found.iter().enumerate().filter(|(_, found)| found.difference.class == Class::Noise);
        rows.extend(stray.map(|(at, _)| Entry::Found(at)));
        if !evidence.noise.is_empty() {
            rows.push(Entry::Noise);
            if self.noise == Folding::Unfolded {
                rows.extend((0..evidence.noise.len()).map(Entry::Quiet));
            }
        }
        rows
    }

    /// Returns the difference of an entry.
    #[must_use]
    pub fn found(&self, entry: Entry) -> Option<&Found> {
        match entry {
            Entry::Found(at) => self.evidence.found.get(at),
            Entry::Quiet(at) => self.evidence.noise.get(at),
            _ => None,
        }
    }

    /// Returns the renaming of an entry.
    #[must_use]
    pub fn renaming(&self, entry: Entry) -> Option<&Renaming> {
        match entry {
            Entry::Renaming(at) => self.evidence.renamings.get(at),
            _ => None,
        }
    }

    /// Returns the index of the renaming that a key would decide: the chosen one, or that of the chosen difference.
    #[must_use]
    pub fn decidable(&self) -> Option<usize> {
        if let Entry::Renaming(at) = self.chosen {
            return self.evidence.renamings.get(at).map(|_| at);
        }
        let subject = &self.found(self.chosen)?.difference.subject;
        self.evidence.renamings.iter().position(|renaming| explains(renaming, subject))
    }

    /// Returns how many renamings nobody decided yet.
    #[must_use]
    pub fn undecided(&self) -> usize {
        self.evidence.renamings.iter().filter(|renaming| renaming.decided.is_none()).count()
    }

    /// Returns the text of a row of the list, without its number of rows.
    #[must_use]
    pub fn label(&self, entry: Entry) -> String {
        match entry {
            Entry::Summary => "summary".to_owned(),
            Entry::Heading(class) => class_word(class).to_owned(),
            Entry::Renamings => "probably renamed".to_owned(),
            Entry::Noise => "noise".to_owned(),
            Entry::Found(_) | Entry::Quiet(_) => self.found(entry).map(subject_of).unwrap_or_default(),
            Entry::Renaming(_) => self.renaming(entry).map(|renaming| renamed(&renaming.guess)).unwrap_or_default(),
        }
    }

    /// Returns what the entry is about, for the place in the scripts.
    #[must_use]
    pub fn subjects(&self, entry: Entry) -> Vec<&Subject> {
        match (self.found(entry), self.renaming(entry)) {
            (Some(found), _) => vec![&found.difference.subject],
            (None, Some(renaming)) => vec![&renaming.guess.from, &renaming.guess.to],
            _ => Vec::new(),
        }
    }

    /// Chooses an entry and goes to its place in the scripts.
    pub fn choose(&mut self, entry: Entry) {
        if self.chosen != entry {
            self.scroll = 0;
        }
        self.chosen = entry;
        self.show();
    }

    /// Returns the part of the scripts that belongs to the chosen entry.
    #[must_use]
    pub fn section(&self) -> Option<usize> {
        let Scripts::Read(aligned) = &self.scripts else { return None };
        self.subjects(self.chosen).into_iter().find_map(|subject| aligned.section_of(subject))
    }

    /// Goes to the place in the scripts that belongs to the chosen entry.
    pub fn show(&mut self) {
        let Scripts::Read(aligned) = &self.scripts else { return };
        let section = self.section().or_else(|| aligned.first_difference());
        self.view.go_to(section.unwrap_or_default());
    }
}

/// Tells whether a renaming explains a difference of this subject.
fn explains(renaming: &Renaming, subject: &Subject) -> bool {
    renaming.guess.from == *subject || renaming.guess.to == *subject
}

/// Returns `summary → title`, with the models where they differ.
#[must_use]
pub fn renamed(guess: &Guess) -> String {
    match (&guess.from, &guess.to) {
        (Subject::Field(model, from), Subject::Field(other, to)) if model == other => {
            text::clean(&format!("{from} → {to}"))
        }
        (Subject::Column(table, from), Subject::Column(other, to)) if table == other => {
            text::clean(&format!("{from} → {to}"))
        }
        (from, to) => text::clean(&format!("{from} → {to}")),
    }
}

fn subject_of(found: &Found) -> String {
    text::clean(&match &found.difference.subject {
        Subject::Table(table) => format!("table {table}"),
        Subject::Column(table, column) => format!("column {table}.{column}"),
        Subject::Site => match &found.difference.change {
            Change::LanguageAdded(language) | Change::LanguageRemoved(language) => format!("language {language}"),
            Change::MainLanguage { .. } => "main language".to_owned(),
            // There is no name to tell one of these from another.
            _ => found.difference.sentence.clone(),
        },
        other => other.to_string(),
    })
}

/// Returns `+`, `-` or `~`.
#[must_use]
pub const fn symbol(change: &Change) -> &'static str {
    match change {
        Change::Added | Change::LanguageAdded(_) => "+",
        Change::Removed | Change::LanguageRemoved(_) => "-",
        _ => "~",
    }
}

/// Returns the word for a class.
#[must_use]
pub const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Noise => "noise",
        Class::Additive => "additive",
        Class::DataDependent => "data-dependent",
        Class::Destructive => "destructive",
    }
}

/// Returns `284 rows`, `1 row`, `no row` or `? rows`.
#[must_use]
pub fn rows(touched: &Touched) -> String {
    match touched {
        Touched::Rows(0) => "no row".to_owned(),
        Touched::Rows(rows) => text::rows(*rows),
        Touched::Unknown(_) => "? rows".to_owned(),
    }
}
