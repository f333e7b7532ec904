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
    /// For each failure those that follow from it directly.
    followers: Vec<Vec<usize>>,
    /// For each failure the one that it follows from.
    leaders: Vec<Option<usize>>,
    /// For each failure the first of the same row, which may be itself.
    first: Vec<usize>,
}

impl Causes {
    /// Finds the causes.
    #[must_use]
    pub fn of(failures: Vec<Failure>) -> Self {
        let blame = Blame::of(&failures);
        let mut known = HashMap::new();
        let first = failures.iter().zip(0..).map(|(failure, at)| *known.entry(failure.place()).or_insert(at)).collect();
        let mut leaders = blame.leaders;
        let circles = open_circles(&mut leaders);
        let mut followers = vec![Vec::new(); failures.len()];
        for (row, leader) in leaders.iter().enumerate() {
            if let Some(followers) = leader.and_then(|leader| followers.get_mut(leader)) {
                followers.push(row);
            }
        }
        let mut found = Self { failures, causes: Vec::new(), followers, leaders, first };
        let of_their_own: Vec<usize> = (0..found.failures.len()).filter(|&row| found.leader(row).is_none()).collect();
        let (circling, own): (Vec<usize>, Vec<usize>) = of_their_own.into_iter().partition(|row| circles.contains(row));
        found.group(&own, Why::Own, &blame.explained);
        found.group(&circling, Why::Circle, &[]);
        found.causes.sort_by_key(|cause| std::cmp::Reverse(cause.rows.len() + cause.follow));
        found
    }

    /// Returns the failures that follow directly from one.
    #[must_use]
    pub fn followers(&self, row: usize) -> &[usize] {
        self.followers.get(row).map_or(&[], Vec::as_slice)
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
    pub fn rows(&self) -> usize {
        self.count(0..self.failures.len())
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

    /// Counts the rows that are refused for a reason of their own.
    fn own(&self) -> usize {
        self.count(self.causes.iter().flat_map(|cause| cause.rows.iter().copied()))
    }

    /// Counts the rows that are refused only because others are.
    #[must_use]
    pub fn following(&self) -> usize {
        self.rows() - self.own()
    }

    /// Says how many causes and rows there are: lower case, no period.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |number: usize, one: &str, many: &str| {
            if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
        };
        let (rows, follow) = (self.own(), self.following());
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

    /// Groups failures that have no leader.
    fn group(&mut self, rows: &[usize], why: Why, explained: &[Vec<String>]) {
        let mut groups: BTreeMap<Key<'_>, Vec<(usize, Vec<Wording>)>> = BTreeMap::new();
        for &row in rows {
            let Some(failure) = self.failures.get(row) else { continue };
            let told = explained.get(row).map_or(&[][..], Vec::as_slice);
            let (fields, wordings): (Vec<&str>, Vec<Wording>) = said(failure, told).unzip();
            let frames = wordings.iter().map(|wording| wording.frame.clone()).collect();
            let key = Key {
                model: failure.model_or_table(),
                phase: failure.phase,
                exception: &failure.exception,
                fields,
                frames,
            };
            groups.entry(key).or_default().push((row, wordings));
        }
        let mut found: Vec<Cause> = Vec::new();
        for (key, members) in groups {
            for members in apart(members) {
                let texts = match members.as_slice() {
                    // A row that is alone may say all that it says.
                    [(row, _)] => self.whole(*row, explained),
                    _ => commons(&members).iter().map(Common::text).collect(),
                };
                let messages = key.fields.iter().map(|field| (*field).to_owned()).zip(texts).collect();
                let rows: Vec<usize> = members.into_iter().map(|(row, _)| row).collect();
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

type Members = Vec<(usize, Vec<Wording>)>;

fn commons(members: &Members) -> Vec<Common> {
    let Some((_, first)) = members.first() else { return Vec::new() };
    let mut all: Vec<Common> = first.iter().map(Common::new).collect();
    for (_, wordings) in members {
        all.iter_mut().zip(wordings).for_each(|(common, wording)| common.add(wording));
    }
    all
}

/// Sets rows apart whose messages quote other texts, where these are few: a choice that is gone is a cause, a name is
/// not.
fn apart(members: Members) -> Vec<Members> {
    let telling: Vec<Vec<bool>> = commons(&members).iter().map(Common::telling).collect();
    let mut found: BTreeMap<Vec<String>, Members> = BTreeMap::new();
    for (row, wordings) in members {
        let texts = wordings.iter().zip(&telling).flat_map(|(wording, telling)| {
            wording.quoted.iter().zip(telling).filter(|(_, tells)| **tells).map(|(text, _)| text.clone())
        });
        found.entry(texts.collect()).or_default().push((row, wordings));
    }
    found.into_values().collect()
}

/// Which failures are explained by which others.
struct Blame {
    leaders: Vec<Option<usize>>,
    /// Fields of each failure whose messages another row explains.
    explained: Vec<Vec<String>>,
}

impl Blame {
    fn of(failures: &[Failure]) -> Self {
        let by_key: HashMap<(&str, &str), usize> = failures
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
            blame.leaders.push(leader);
            blame.explained.push(explained);
        }
        blame
    }
}

/// Tells whether a message that names no field says that something is missing which the row points to.
fn speaks_of_a_key(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("foreign key") || text.contains("does not exist")
}

/// Takes the leader from one row of each circle, and returns these rows.
fn open_circles(leaders: &mut [Option<usize>]) -> Vec<usize> {
    let mut found = Vec::new();
    // The round in which a row was visited; 0 is never.
    let mut visited = vec![0_usize; leaders.len()];
    for start in 0..leaders.len() {
        let round = start + 1;
        let mut row = Some(start);
        while let Some(current) = row {
            match visited.get_mut(current) {
                Some(seen) if *seen == 0 => *seen = round,
                Some(seen) if *seen == round => {
                    found.push(current);
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
