//! Causes: failures with one reason, and below each row those that failed only because it did.
//!
//! That a row follows from another is told by what it points to: the field that was refused holds the key of a row that
//! was refused itself. The wording of messages differs between versions and languages; it only helps where a database
//! names no field.

use std::collections::{BTreeMap, HashMap};

use super::failure::{Failure, Phase, Point};
use super::wording::{Common, Wording};

/// Why a cause is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its rows are refused for what they are.
    Own,
    /// Its rows point to others, which point back, and none of them can be the first.
    Circle,
}

/// Rows that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The model, or the table of a model that is gone.
    pub model: String,
    /// Where its rows were refused.
    pub phase: Phase,
    /// The class of the exception, with its module.
    pub exception: String,
    /// By field what all its rows have in common of their messages; an empty name stands for the whole row.
    pub messages: Vec<(String, String)>,
    /// Why it is one.
    pub why: Why,
    /// Its rows, as places in the list of failures.
    pub rows: Vec<usize>,
    /// How many other rows follow from these, over all levels.
    pub follow: usize,
    /// The traceback of the first of its kind.
    pub traceback: Option<String>,
}

/// All failures, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// The failures, in the order in which they were given.
    pub failures: Vec<Failure>,
    /// The causes: those with most rows first.
    pub causes: Vec<Cause>,
    /// For each failure the one that it follows from.
    leaders: Vec<Option<usize>>,
    followers: Followers,
    /// For each failure the first of the same row, which may be itself.
    first: Vec<usize>,
    /// How many rows there are, and how many of them follow from no other.
    counts: (usize, usize),
}

/// For each failure those that follow from it directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Followers {
    /// The followers of the first failure, then those of the second, and so on.
    rows: Vec<usize>,
    /// Where those of each failure begin, and where the last ones end.
    begins: Vec<usize>,
}

impl Followers {
    fn of(leaders: &[Option<usize>]) -> Self {
        let mut begins = vec![0; leaders.len() + 1];
        for leader in leaders.iter().flatten() {
            begins.get_mut(leader + 1).into_iter().for_each(|count| *count += 1);
        }
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        let (mut rows, mut next) = (vec![0; sum], begins.clone());
        for (row, leader) in leaders.iter().enumerate() {
            if let Some(at) = leader.and_then(|leader| next.get_mut(leader)) {
                rows.get_mut(*at).into_iter().for_each(|place| *place = row);
                *at += 1;
            }
        }
        Self { rows, begins }
    }

    fn get(&self, row: usize) -> &[usize] {
        let range = self.begins.get(row).zip(self.begins.get(row + 1));
        range.and_then(|(begin, end)| self.rows.get(*begin..*end)).unwrap_or_default()
    }
}

/// Finds for each failure the first one of the same row, which may be itself.
fn first_of_same_row(failures: &[Failure]) -> Vec<usize> {
    let mut rows: Vec<(_, usize)> = failures.iter().map(Failure::place).zip(0..).collect();
    // Mostly they are in this order.
    rows.sort_unstable();
    let mut first: Vec<usize> = (0..failures.len()).collect();
    for same in rows.chunk_by(|(place, _), (next, _)| place == next) {
        let Some((_, earliest)) = same.first() else { continue };
        for (_, row) in same {
            first.get_mut(*row).into_iter().for_each(|first| *first = *earliest);
        }
    }
    first
}

impl Causes {
    /// Finds the causes.
    #[must_use]
    pub fn of(failures: Vec<Failure>) -> Self {
        let blame = Blame::of(&failures);
        let mut leaders = blame.leaders;
        let circles = open_circles(&mut leaders);
        let followers = Followers::of(&leaders);
        let first = first_of_same_row(&failures);
        let mut found = Self { failures, leaders, followers, first, ..Self::default() };
        let of_their_own: Vec<usize> = (0..found.failures.len()).filter(|&row| found.leader(row).is_none()).collect();
        found.counts = (found.count(0..found.failures.len()), found.count(of_their_own.iter().copied()));
        let is_circle = |row: &usize| circles.get(*row).copied().unwrap_or_default();
        let (circling, own): (Vec<usize>, Vec<usize>) = of_their_own.into_iter().partition(is_circle);
        found.group(&own, Why::Own, &blame.explained);
        found.group(&circling, Why::Circle, &[]);
        found.causes.sort_by_key(|cause| std::cmp::Reverse(cause.rows.len() + cause.follow));
        found
    }

    /// Returns the failures that follow directly from one.
    #[must_use]
    pub fn followers(&self, row: usize) -> &[usize] {
        self.followers.get(row)
    }

    /// Returns the failure that one follows from; none when it has a cause of its own.
    #[must_use]
    pub fn leader(&self, row: usize) -> Option<usize> {
        self.leaders.get(row).copied().flatten()
    }

    /// Returns all failures that follow from one, over all levels, the nearest first.
    #[must_use]
    pub fn all_followers(&self, row: usize) -> Vec<usize> {
        let mut found = self.followers(row).to_vec();
        let mut next = 0;
        while let Some(&follower) = found.get(next) {
            found.extend_from_slice(self.followers(follower));
            next += 1;
        }
        found
    }

    /// Counts the rows. One may be refused for two reasons.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.counts.0
    }

    /// Counts the rows that are refused only because others are.
    #[must_use]
    pub const fn following(&self) -> usize {
        self.counts.0 - self.counts.1
    }

    /// Counts the rows of some failures, given by their places.
    #[must_use]
    pub fn count(&self, failures: impl IntoIterator<Item = usize>) -> usize {
        let mut known = vec![false; self.failures.len()];
        let mut count = 0;
        for failure in failures {
            let first = self.first.get(failure).copied();
            if let Some(known) = first.and_then(|first| known.get_mut(first)).filter(|known| !**known) {
                *known = true;
                count += 1;
            }
        }
        count
    }

    /// Says how many causes and rows there are: lower case, no period.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |number: usize, one: &str, many: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
        };
        let (rows, follow) = (self.counts.1, self.following());
        let mut text =
            format!("{}, {}", of(self.causes.len(), "cause", "causes"), of(rows, "row refused", "rows refused"));
        if follow > 0 {
            text = format!("{text}, {}", of(follow, "row that follows", "rows that follow"));
        }
        text
    }

    /// Returns the messages of a row, but for those that are explained by another.
    fn whole(&self, row: usize, explained: &[Vec<String>]) -> Vec<String> {
        let told = explained.get(row).map_or(&[][..], Vec::as_slice);
        let messages = self.failures.get(row).into_iter().flat_map(|failure| &failure.messages);
        messages.filter(|(field, _)| !told.contains(field)).flat_map(|(_, texts)| texts.clone()).collect()
    }

    /// Returns the messages of a row, taken apart, but for those that are explained by another.
    fn said<'a>(&'a self, row: usize, explained: &'a [Vec<String>]) -> impl Iterator<Item = (&'a str, Wording)> {
        let told = explained.get(row).map_or(&[][..], Vec::as_slice);
        self.failures.get(row).into_iter().flat_map(|failure| said(failure, told))
    }

    /// Groups failures that have no leader. Of each row only its place is kept: its messages are taken apart again where
    /// they have to be.
    fn group(&mut self, rows: &[usize], why: Why, explained: &[Vec<String>]) {
        let mut groups: BTreeMap<Key<'_>, Members> = BTreeMap::new();
        for &row in rows {
            let Some(failure) = self.failures.get(row) else { continue };
            let (fields, mut wordings): (Vec<&str>, Vec<Wording>) = self.said(row, explained).unzip();
            let key = Key {
                model: failure.model_or_table(),
                phase: failure.phase,
                exception: &failure.exception,
                fields,
                frames: wordings.iter_mut().map(|wording| std::mem::take(&mut wording.frame)).collect(),
            };
            groups.entry(key).or_default().add(row, &wordings);
        }
        let mut found: Vec<Cause> = Vec::new();
        for (key, members) in groups {
            for members in self.apart(members, explained) {
                let texts = match members.rows.as_slice() {
                    // A row that is alone may say all that it says.
                    [row] => self.whole(*row, explained),
                    _ => key.frames.iter().zip(&members.commons).map(|(frame, common)| common.text(frame)).collect(),
                };
                let messages = key.fields.iter().map(|field| (*field).to_owned()).zip(texts).collect();
                let rows = members.rows;
                found.push(Cause {
                    model: key.model.to_owned(),
                    phase: key.phase,
                    exception: key.exception.to_owned(),
                    messages,
                    why,
                    follow: rows.iter().map(|&row| self.all_followers(row).len()).sum(),
                    traceback: rows
                        .iter()
                        .find_map(|&row| self.failures.get(row).and_then(|failure| failure.traceback.clone())),
                    rows,
                });
            }
        }
        self.causes.extend(found);
    }

    /// Sets rows apart whose messages quote other texts, where these are few: a choice that is gone is a cause, a name is
    /// not.
    fn apart(&self, members: Members, explained: &[Vec<String>]) -> Vec<Members> {
        let telling: Vec<Vec<bool>> = members.commons.iter().map(Common::telling).collect();
        if !telling.iter().flatten().any(|tells| *tells) {
            return vec![members];
        }
        let mut found: BTreeMap<Vec<String>, Members> = BTreeMap::new();
        for row in members.rows {
            let wordings: Vec<Wording> = self.said(row, explained).map(|(_, wording)| wording).collect();
            let texts = wordings.iter().zip(&telling).flat_map(|(wording, telling)| {
                wording.quoted.iter().zip(telling).filter(|(_, tells)| **tells).map(|(text, _)| text.clone())
            });
            found.entry(texts.collect()).or_default().add(row, &wordings);
        }
        found.into_values().collect()
    }
}

/// What the rows of a cause have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    model: &'a str,
    phase: Phase,
    exception: &'a str,
    fields: Vec<&'a str>,
    frames: Vec<String>,
}

/// Returns each message with its field, but for the fields that are explained by another row.
fn said<'a>(failure: &'a Failure, explained: &'a [String]) -> impl Iterator<Item = (&'a str, Wording)> {
    let object = failure.object.as_deref();
    let own = failure.messages.iter().filter(|(field, _)| !explained.contains(field));
    own.flat_map(move |(field, texts)| texts.iter().map(move |text| (field.as_str(), Wording::of(text, object))))
}

/// Rows whose messages have the same frames.
#[derive(Default)]
struct Members {
    rows: Vec<usize>,
    /// What each of their messages have in common.
    commons: Vec<Common>,
}

impl Members {
    fn add(&mut self, row: usize, wordings: &[Wording]) {
        if self.rows.is_empty() {
            self.commons = wordings.iter().map(Common::new).collect();
        } else {
            self.commons.iter_mut().zip(wordings).for_each(|(common, wording)| common.add(wording));
        }
        self.rows.push(row);
    }
}

/// Which failures are explained by which others.
struct Blame {
    leaders: Vec<Option<usize>>,
    /// Fields of each failure whose messages another row explains.
    explained: Vec<Vec<String>>,
}

impl Blame {
    fn of(failures: &[Failure]) -> Self {
        let by_key: HashMap<(&str, &str), usize, foldhash::fast::RandomState> = failures
            .iter()
            .enumerate()
            .filter(|(_, failure)| !failure.is_made())
            .filter_map(|(row, failure)| Some(((failure.model.as_deref()?, failure.key.as_str()), row)))
            .collect();
        let refused = |row: usize, point: &Point| {
            by_key.get(&(point.1.as_str(), point.2.as_str())).copied().filter(|&target| target != row)
        };
        let mut blame = Self { leaders: Vec::new(), explained: Vec::new() };
        for (row, failure) in failures.iter().enumerate() {
            let mut leaders: Vec<Option<usize>> = Vec::new();
            let mut explained = Vec::new();
            for (field, texts) in &failure.messages {
                let mut of_field = failure.points.iter().filter(|point| point.0 == *field);
                let leader = match of_field.next() {
                    Some(point) => refused(row, point),
                    None if field.is_empty() && texts.iter().all(|text| speaks_of_a_key(text)) => {
                        failure.points.iter().find_map(|point| refused(row, point))
                    }
                    None => None,
                };
                if leader.is_some() {
                    explained.push(field.clone());
                }
                leaders.push(leader);
            }
            // One reason of its own is enough to have a cause of its own.
            let leader = if leaders.iter().all(Option::is_some) { leaders.first().copied().flatten() } else { None };
            // Nothing else of what a row says matters when it follows.
            blame.explained.push(if leader.is_some() { Vec::new() } else { explained });
            blame.leaders.push(leader);
        }
        blame
    }
}

/// Tells whether a message that names no field says that something is missing which the row points to.
fn speaks_of_a_key(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("foreign key") || text.contains("does not exist")
}

/// Takes the leader from one row of each circle, and tells of each row whether it is one of these.
fn open_circles(leaders: &mut [Option<usize>]) -> Vec<bool> {
    let mut found = vec![false; leaders.len()];
    // The round in which a row was visited; 0 is never.
    let mut visited = vec![0_usize; leaders.len()];
    for start in 0..leaders.len() {
        let round = start + 1;
        let mut row = Some(start);
        while let Some(current) = row {
            match visited.get_mut(current) {
                Some(seen) if *seen == 0 => *seen = round,
                Some(seen) if *seen == round => {
                    found.get_mut(current).into_iter().for_each(|found| *found = true);
                    leaders.get_mut(current).into_iter().for_each(|leader| *leader = None);
                    break;
                }
                _ => break,
            }
            row = leaders.get(current).copied().flatten();
        }
    }
    found
}
