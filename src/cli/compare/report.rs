//! The comparison as text: a sentence and the differences by class.

use std::borrow::Cow;

use super::{Verdict, real};
use crate::cli::paint::{Look, Role, harmless};
use crate::compare::scripts::Comparison;
use crate::compare::{Change, Class, Subject};
use crate::snapshot::DumpScript;
use crate::ui::text::wrap;

/// Characters of a sentence that are shown; names of models can be as long as somebody likes.
const SHOWN: usize = 2_000;

/// What was compared.
pub(super) struct Dumps<'a> {
    pub old: &'a DumpScript,
    pub new: &'a DumpScript,
}

/// Writes it.
pub(super) fn page(look: &Look, verdict: Verdict, dumps: &Dumps<'_>, found: &Comparison) -> Vec<u8> {
    let mut say = Sentences { text: Vec::new(), look };
    say.paragraph(Role::Title, &sentence(verdict, dumps, found));
    say.paragraph(Role::Text, super::BASIS);
    say.left_out(found);
    say.class(found, Class::Destructive);
    say.class(found, Class::DataDependent);
    say.class(found, Class::Additive);
    say.guesses(found);
    say.noise(found);
    say.text
}

/// Says the most important thing in one sentence.
fn sentence(verdict: Verdict, dumps: &Dumps<'_>, found: &Comparison) -> String {
    let version = |dump: &DumpScript| dump.script.source_version.clone().unwrap_or_else(|| "no version".to_owned());
    let (old, new) = (version(dumps.old), version(dumps.new));
    let versions = if old == new { format!("both {old}") } else { format!("{old} and {new}") };
    match verdict {
        Verdict::Skip => format!(
            "The dump scripts ({versions}) differ in nothing that matters, which alone does not prove that the restore may \
             be skipped."
        ),
        Verdict::Restore => {
            format!("The dump scripts ({versions}) differ: {}; the restore is needed.", counts(found))
        }
        Verdict::Unknown => format!(
            "The dump scripts ({versions}) could not be compared in full, so they do not tell whether the restore is \
             needed; what was compared: {}.",
            counts(found)
        ),
    }
}

fn counts(found: &Comparison) -> String {
    let models = |change: &Change| {
        real(found).filter(|one| one.change == *change && matches!(one.subject, Subject::Model(_))).count()
    };
    let (gone, new) = (models(&Change::Removed), models(&Change::Added));
    let mut others: Vec<&str> = real(found)
        .filter(|one| !matches!((&one.subject, &one.change), (Subject::Model(_), Change::Added | Change::Removed)))
        .filter_map(super::model)
        .collect();
    others.dedup();
    let number = |count: usize| if count == 1 { "1 model".to_owned() } else { format!("{count} models") };
    let mut parts = Vec::new();
    if gone > 0 {
        parts.push(format!("{} gone", number(gone)));
    }
    if new > 0 {
        parts.push(format!("{} new", number(new)));
    }
    if !others.is_empty() {
        parts.push(format!("{} changed", number(others.len())));
    }
    let site = real(found).filter(|one| super::model(one).is_none()).count();
    match site {
        0 => {}
        1 => parts.push("1 difference in the whole site".to_owned()),
        _ => parts.push(format!("{site} differences in the whole site")),
    }
    if parts.is_empty() { "nothing differs".to_owned() } else { parts.join(", ") }
}

/// Returns the beginning of a sentence.
fn shown(text: &str) -> Cow<'_, str> {
    match harmless(text) {
        Cow::Borrowed(text) if text.len() <= SHOWN => Cow::Borrowed(text),
        text => text.chars().take(SHOWN).collect(),
    }
}

/// Where sentences go.
struct Sentences<'a> {
    text: Vec<u8>,
    look: &'a Look,
}

impl Sentences<'_> {
    fn add(&mut self, role: Role, text: &str) {
        self.look.colours.add(&mut self.text, role, text);
    }

    fn paragraph(&mut self, role: Role, text: &str) {
        for line in wrap(&shown(text), self.look.columns) {
            self.add(role, &line);
            self.text.push(b'\n');
        }
    }

    fn heading(&mut self, role: Role, text: &str) {
        self.text.push(b'\n');
        self.add(role, text);
        self.text.push(b'\n');
    }

    /// Writes a symbol and a sentence, which hangs behind it.
    fn item(&mut self, role: Role, symbol: &str, text: &str) {
        for (at, line) in wrap(&shown(text), self.look.columns.saturating_sub(4)).iter().enumerate() {
            self.add(role, if at == 0 { symbol } else { " " });
            self.add(Role::Text, "   ");
            self.add(Role::Text, line);
            self.text.push(b'\n');
        }
    }

    fn class(&mut self, found: &Comparison, class: Class) {
        let (role, symbol, text) = match class {
            Class::Destructive => (Role::Old, "-", "destructive: values have no place in the new version"),
            Class::DataDependent => (Role::Warning, "~", "data-dependent: some values may be refused"),
            Class::Additive => (Role::New, "+", "additive: values keep their place"),
            Class::Noise => (Role::Dim, "=", "noise"),
        };
        let sentences: Vec<&str> = found
            .differences
            .iter()
            .filter(|difference| difference.class == class)
            .map(|difference| difference.sentence.as_str())
            .collect();
        if sentences.is_empty() {
            return;
        }
        self.heading(role, &format!("{text} ({})", sentences.len()));
        for sentence in sentences {
            self.item(role, symbol, sentence);
        }
    }

    fn guesses(&mut self, found: &Comparison) {
        if found.guesses.is_empty() {
            return;
        }
        self.heading(Role::Warning, &format!("probably renamed ({})", found.guesses.len()));
        for guess in &found.guesses {
            self.item(Role::Warning, "?", &format!("{} → {}? {}", guess.from, guess.to, guess.because));
        }
    }

    fn left_out(&mut self, found: &Comparison) {
        if found.left_out.is_empty() {
            return;
        }
        self.heading(Role::Warning, &format!("left out ({})", found.left_out.len()));
        for sentence in &found.left_out {
            self.item(Role::Warning, "!", sentence);
        }
    }

    fn noise(&mut self, found: &Comparison) {
        let noise = found.differences.iter().filter(|difference| difference.class == Class::Noise);
        let text = match noise.count() {
            0 => return,
            1 => "1 difference that means nothing is not shown.".to_owned(),
            count => format!("{count} differences that mean nothing (version, imports, order and such) are not shown."),
        };
        self.text.push(b'\n');
        self.paragraph(Role::Dim, &text);
    }
}
