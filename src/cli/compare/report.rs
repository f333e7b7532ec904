//! The comparison as text: a sentence and the differences by class.

use std::io::{self, Write};

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
pub(super) fn write(
    out: &mut dyn Write,
    look: &Look,
    verdict: Verdict,
    dumps: &Dumps<'_>,
    found: &Comparison,
) -> io::Result<()> {
    let mut say = Sentences { out, look };
    say.paragraph(Role::Title, &sentence(verdict, dumps, found))?;
    say.paragraph(Role::Text, super::BASIS)?;
    say.left_out(found)?;
    say.class(found, Class::Destructive)?;
    say.class(found, Class::DataDependent)?;
    say.class(found, Class::Additive)?;
    say.guesses(found)?;
    say.noise(found)
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

/// Where sentences go.
struct Sentences<'a> {
    out: &'a mut dyn Write,
    look: &'a Look,
}

impl Sentences<'_> {
    fn paragraph(&mut self, role: Role, text: &str) -> io::Result<()> {
        let text: String = harmless(text).chars().take(SHOWN).collect();
        for line in wrap(&text, self.look.columns) {
            self.look.colours.write(self.out, role, &line)?;
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn heading(&mut self, role: Role, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.look.colours.write(self.out, role, text)?;
        writeln!(self.out)
    }

    /// Writes a symbol and a sentence, which hangs behind it.
    fn item(&mut self, role: Role, symbol: &str, text: &str) -> io::Result<()> {
        let text: String = harmless(text).chars().take(SHOWN).collect();
        for (at, line) in wrap(&text, self.look.columns.saturating_sub(4)).iter().enumerate() {
            self.look.colours.write(self.out, role, if at == 0 { symbol } else { " " })?;
            writeln!(self.out, "   {line}")?;
        }
        Ok(())
    }

    fn class(&mut self, found: &Comparison, class: Class) -> io::Result<()> {
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
            return Ok(());
        }
        self.heading(role, &format!("{text} ({})", sentences.len()))?;
        sentences.iter().try_for_each(|sentence| self.item(role, symbol, sentence))
    }

    fn guesses(&mut self, found: &Comparison) -> io::Result<()> {
        if found.guesses.is_empty() {
            return Ok(());
        }
        self.heading(Role::Warning, &format!("probably renamed ({})", found.guesses.len()))?;
        found.guesses.iter().try_for_each(|guess| {
            let text = format!("{} → {}? {}", guess.from, guess.to, guess.because);
            self.item(Role::Warning, "?", &text)
        })
    }

    fn left_out(&mut self, found: &Comparison) -> io::Result<()> {
        if found.left_out.is_empty() {
            return Ok(());
        }
        self.heading(Role::Warning, &format!("left out ({})", found.left_out.len()))?;
        found.left_out.iter().try_for_each(|sentence| self.item(Role::Warning, "!", sentence))
    }

    fn noise(&mut self, found: &Comparison) -> io::Result<()> {
        let noise = found.differences.iter().filter(|difference| difference.class == Class::Noise);
        let text = match noise.count() {
            0 => return Ok(()),
            1 => "1 difference that means nothing is not shown.".to_owned(),
            count => format!("{count} differences that mean nothing (version, imports, order and such) are not shown."),
        };
        writeln!(self.out)?;
        self.paragraph(Role::Dim, &text)
    }
}
