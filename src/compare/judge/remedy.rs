//! What the operator or the application developer can do about a difference.

use super::super::difference::{Change, Difference, Subject};
use super::super::evidence::Effect;
use super::ground::Ground;
use super::pointers;
use super::verdict::given;

const REHEARSE: &str = "Only a rehearsal can tell which rows are refused.";

/// Returns it; none when nothing is to be done.
pub fn of(ground: &Ground<'_>, difference: &Difference, effect: &Effect) -> Option<String> {
    let table = ground.table.clone().unwrap_or_default();
    match effect {
        Effect::Loads => return None,
        Effect::Unknown if ground.is_migrated() => {
            return Some(
                "The migrator changes the rows of this table; only a rehearsal can tell the result.".to_owned(),
            );
        }
        Effect::Unknown
            if matches!(difference.subject, Subject::Column(..)) && difference.change == Change::Removed =>
        {
            return Some(
                "The snapshot does not have these values, so the restore drops them. Save them first if they matter."
                    .to_owned(),
            );
        }
        Effect::Unknown => return Some(REHEARSE.to_owned()),
        _ => {}
    }
    let create = format!("create_{table}");
    if pointers::is_one(ground, difference) {
        return Some(pointers::remedy(&create));
    }
    Some(match &difference.change {
        Change::Removed if matches!(difference.subject, Subject::Model(_)) => gone_model(&ground.file()),
        Change::Removed => {
            let name = ground.old.map_or(difference.subject.place().1, |old| &old.attname);
            gone(&create, &given(difference, name))
        }
        Change::Added => format!(
            "Give the field a value for the rows of today: in {create} of the copy of restore.py, or with @override \
             in a migrator."
        ),
        Change::Type { .. } | Change::Class { .. } | Change::Digits { .. } | Change::Validators { .. } => {
            format!("Correct these values in the old version before the upgrade, or let {create} convert them.")
        }
        Change::Length { to: Some(length), .. } => format!(
            "Shorten these values to {length} characters in the old version before the upgrade, or cut them in {create}."
        ),
        Change::NotNull | Change::Required => {
            format!("Fill the field of these rows in the old version before the upgrade, or set a value in {create}.")
        }
        Change::Unique(_) => "Make these rows different in the old version before the upgrade, or leave all but one \
                              of them out."
            .to_owned(),
        Change::Choices { .. } | Change::Limited(_) => format!(
            "Choose another value for these rows in the old version before the upgrade, or translate it in {create}."
        ),
        Change::Target { .. } => {
            format!("Let these rows point to something else in the old version before the upgrade, or change {create}.")
        }
        Change::LanguageRemoved(language) => format!(
            "Keep the language {language} in the settings of the site, or copy its texts to another language first."
        ),
        Change::Parents { from, .. } if from.is_empty() => format!(
            "Their keys are those of other rows in the parent's table: give them other keys in the old version, or let \
             {create} do so with @override in a migrator."
        ),
        _ => format!("Let the application developer adapt {create} with @override in a migrator."),
    })
}

/// A field as the create function knows it.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The name of its value.
    pub name: &'a str,
    /// Its texts.
    pub texts: Texts,
}

/// The texts of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// One for all languages, or no text at all.
    One,
    /// One for each language.
    PerLanguage,
}

impl Given<'_> {
    /// Returns the part of the create function that gives it to the model.
    fn line(&self) -> String {
        let name = self.name;
        match self.texts {
            Texts::One => format!("kw.update({name}={name})"),
            Texts::PerLanguage => format!("if {name} is not None: kw.update(bv2kw('{name}',{name}))"),
        }
    }
}

/// What to do about a field that is gone.
pub fn gone(create: &str, field: &Given<'_>) -> String {
    format!(
        "To drop the values, take the line `{}` out of {create} in the copy of restore.py. To keep them, give them \
         another name there, or with @override in a migrator.",
        field.line()
    )
}

/// What to do about a field that was renamed.
pub fn renamed(field: &Given<'_>, to: &str) -> String {
    let name = field.name;
    let (new, old) = match field.texts {
        Texts::One => (format!("{to}={name}"), format!("{name}={name}")),
        Texts::PerLanguage => (format!("bv2kw('{to}',{name})"), format!("bv2kw('{name}',{name})")),
    };
    format!(
        "Write `{new}` instead of `{old}` in the create function in the copy of restore.py, or let a migrator do so with \
         @override."
    )
}

/// What to do about a model that was renamed.
pub fn renamed_model(from: &str, to: &str) -> String {
    format!("Write `resolve_model(\"{to}\")` instead of `resolve_model(\"{from}\")` in the copy of restore.py.")
}

/// What to do about a model that is gone.
pub fn gone_model(file: &str) -> String {
    format!(
        "To leave these rows out, comment out each line `execfile(\"{file}\", *args)` of this table in the copy of \
         restore.py. To keep them, the application's migrator must put them elsewhere."
    )
}
