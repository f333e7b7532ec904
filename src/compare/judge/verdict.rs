//! The verdict and its sentence, from the evidence alone, so that it can be judged again after an operator's word.

use std::collections::BTreeSet;

use super::super::difference::{Change, Difference, Rows, Subject};
use super::super::evidence::{Effect, Evidence, Found, Renaming, Touched, Verdict};
use super::remedy::{self, Given, Texts};

impl Evidence {
    /// Judges what was found, and says it in one sentence.
    pub fn judge(&mut self) {
        for renaming in &self.renamings {
            for found in &mut self.found {
                advise(renaming, found);
            }
        }
        let in_the_way = self.found.iter().any(Found::is_in_the_way);
        self.verdict = match (in_the_way, self.found.is_empty() && self.left_out.is_empty()) {
            (true, _) => Verdict::Decide,
            (false, true) => Verdict::Skip,
            (false, false) => Verdict::Restore,
        };
        self.sentence = match self.verdict {
            Verdict::Skip => format!("SKIP: {}.", self.because()),
            Verdict::Restore => format!("RESTORE: {}.", self.because()),
            Verdict::Decide => format!("RESTORE after decisions: {}.", self.because()),
        };
    }

    /// Says what was renamed (true), is gone (false) or is open, and judges again; false when there is no such guess.
    pub fn decide(&mut self, index: usize, renamed: Option<bool>) -> bool {
        let Some(renaming) = self.renamings.get_mut(index) else { return false };
        renaming.decided = renamed;
        self.judge();
        true
    }

    /// Takes over what was said of the same renamings before.
    pub fn keep_decisions(&mut self, earlier: &Self) {
        for renaming in &mut self.renamings {
            let same =
                |known: &&Renaming| (&known.guess.from, &known.guess.to) == (&renaming.guess.from, &renaming.guess.to);
            renaming.decided = earlier.renamings.iter().find(same).and_then(|known| known.decided);
        }
        self.judge();
    }

    /// Returns the reason for the verdict: lower case, no period.
    #[must_use]
    pub fn because(&self) -> String {
        match self.verdict {
            // Nobody ran the code that checks rows: it is claimed to be the same, not to agree.
            Verdict::Skip => {
                "the tables of the database are already as the new version wants them, every stored value \
                              fits its column and choices, and no other code checks the rows"
                    .to_owned()
            }
            Verdict::Restore => self.why_restore(),
            Verdict::Decide => self.why_decide(),
        }
    }

    fn why_restore(&self) -> String {
        let migrates = self.found.iter().any(|found| found.difference.change == Change::Migrates);
        let runs = |found: &&Found| matches!(found.difference.change, Change::Code { .. });
        let codes = self.found.iter().filter(runs).count();
        let rest = self.found.len() - usize::from(migrates) - codes;
        let mut parts = Vec::new();
        if migrates {
            parts.push("the migrator changes rows on their way".to_owned());
        }
        if codes > 0 {
            parts.push("other code checks the rows, and only running it tells whether it refuses any".to_owned());
        }
        match rest {
            0 => {}
            1 => parts.push("one difference needs it".to_owned()),
            rest => parts.push(format!("{rest} differences need it")),
        }
        let doubts = self.found.iter().filter(|found| matches!(found.effect, Effect::Unknown)).count();
        if rest > 0 && codes == 0 && doubts == usize::from(migrates) && self.left_out.is_empty() {
            parts.push("no row is expected in its way".to_owned());
        }
        if !self.left_out.is_empty() {
            parts.push("not everything could be compared, so nothing proves that it may be skipped".to_owned());
        }
        parts.join("; ")
    }

    fn why_decide(&self) -> String {
        let all = || self.found.iter().filter(|found| found.is_in_the_way());
        let rows = |number: u64, one: &str, many: &str| {
            if number == 1 { format!("1 row {one}") } else { format!("{number} rows {many}") }
        };
        let sum = |of: &dyn Fn(&Found) -> u64| all().map(of).sum::<u64>();
        let mut parts = Vec::new();
        if all().any(|found| matches!(found.effect, Effect::Refuses)) {
            parts.push("the migrator would stop it before it begins".to_owned());
        }
        let gone = sum(&|found| if found.is_model_gone() { found.rows() } else { 0 });
        if gone > 0 {
            let many = "belong to models that are gone";
            parts.push(rows(gone, "belongs to a model that is gone", many));
        }
        let lost = sum(&|found| match found.effect {
            Effect::Loses(rows) => rows,
            _ => 0,
        });
        if lost > 0 {
            parts.push(rows(lost, "would lose a value", "would lose a value"));
        }
        let refused = sum(&|found| match found.effect {
            Effect::Fails(rows) => rows,
            _ => 0,
        });
        if refused > 0 {
            parts.push(rows(refused, "would be refused", "would be refused"));
        }
        let stopping = all().filter(|found| !found.is_model_gone());
        let files: BTreeSet<&String> = stopping
            .filter_map(|found| match &found.effect {
                Effect::Stops { file } => Some(file),
                _ => None,
            })
            .collect();
        match files.iter().next() {
            Some(file) if files.len() == 1 => parts.push(format!("it would stop at {file}")),
            Some(_) => parts.push(format!("it would stop at any of {} files", files.len())),
            None => {}
        }
        let others: BTreeSet<&str> = self
            .found
            .iter()
            .filter(|found| !found.is_model_gone() && found.difference.subject != Subject::Site)
            .map(|found| found.difference.subject.place().0)
            .collect();
        match (gone > 0, others.len()) {
            (true, 1) => parts.push("one other model differs".to_owned()),
            (true, number) if number > 1 => parts.push(format!("{number} other models differ")),
            _ => {}
        }
        parts.join("; ")
    }
}

impl Found {
    /// Tells whether the restore as it is would lose rows or values because of it, or not come to its end.
    #[must_use]
    pub const fn is_in_the_way(&self) -> bool {
        matches!(self.effect, Effect::Fails(_) | Effect::Loses(_) | Effect::Stops { .. } | Effect::Refuses)
    }

    fn is_model_gone(&self) -> bool {
        matches!((&self.difference.subject, &self.difference.change), (Subject::Model(_), Change::Removed))
    }

    const fn rows(&self) -> u64 {
        match self.touched {
            Touched::Rows(rows) => rows,
            Touched::Unknown(_) => 0,
        }
    }
}

/// What was renamed wants another remedy than what is gone.
fn advise(renaming: &Renaming, found: &mut Found) {
    if found.difference.subject != renaming.guess.from || found.difference.change != Change::Removed {
        return;
    }
    let Effect::Stops { file } = &found.effect else { return };
    let Some(table) = found.difference.questions.first().map(|question| question.table.clone()) else { return };
    match (&renaming.guess.from, renaming.decided) {
        (Subject::Field(_, name), Some(true)) => {
            let given = given(&found.difference, name);
            let to = renaming.guess.to.place().1;
            // A foreign key is called by its column, whatever it points to.
            let to = if given.name == format!("{name}_id") { format!("{to}_id") } else { to.to_owned() };
            found.remedy = Some(remedy::renamed(&given, &to));
        }
        (Subject::Field(_, name), _) => {
            found.remedy = Some(remedy::gone(&format!("create_{table}"), &given(&found.difference, name)));
        }
        (Subject::Model(from), Some(true)) => {
            found.remedy = Some(remedy::renamed_model(from, renaming.guess.to.place().0));
        }
        (Subject::Model(_), _) => found.remedy = Some(remedy::gone_model(file)),
        _ => {}
    }
}

/// How the create function calls a field that is gone: as its values are asked for.
pub fn given<'a>(difference: &'a Difference, name: &'a str) -> Given<'a> {
    let texts = if difference.questions.len() > 1 { Texts::PerLanguage } else { Texts::One };
    let name = match difference.questions.first().map(|question| &question.rows) {
        Some(Rows::NotEmpty(column)) => column,
        _ => name,
    };
    Given { name, texts }
}
