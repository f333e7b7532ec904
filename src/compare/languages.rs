//! Languages that a site gains or loses, whichever source names them.

use super::difference::{Change, Class, Difference, Question, Subject};

/// Compares the languages of a site. `texts` asks for the texts in one language, `all` for all translated texts.
pub(super) fn compare(
    before: &[String],
    after: &[String],
    texts: impl Fn(&str) -> Vec<Question>,
    all: impl FnOnce() -> Vec<Question>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for language in after.iter().filter(|language| !before.contains(language)) {
        found.push(Difference {
            class: Class::Additive,
            subject: Subject::Site,
            change: Change::LanguageAdded(language.clone()),
            sentence: format!("The site gains the language {language}: each translated field has a column more."),
            questions: Vec::new(),
        });
    }
    for language in before.iter().filter(|language| !after.contains(language)) {
        found.push(Difference {
            class: Class::Destructive,
            subject: Subject::Site,
            change: Change::LanguageRemoved(language.clone()),
            sentence: format!("The site loses the language {language}: the texts in that language have no place."),
            questions: texts(language),
        });
    }
    if let (Some(from), Some(to)) = (before.first(), after.first())
        && from != to
    {
        found.push(Difference {
            class: Class::DataDependent,
            subject: Subject::Site,
            change: Change::MainLanguage { from: from.clone(), to: to.clone() },
            sentence: format!(
                "The main language of the site is {to} instead of {from}: texts move to other columns, which only a \
                 restore does."
            ),
            questions: all(),
        });
    }
    found
}
