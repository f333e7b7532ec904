//! The same changes as a migrator, for the developer of the application: a start, to be looked at by a person.

use std::collections::{BTreeMap, BTreeSet};

use super::super::script::Script;
use super::{Change, Edited, Rows, What, edit, python};

/// Something that the developer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The table.
    pub table: String,
    /// The question.
    pub text: String,
}

/// Names that create functions use, and that a migrator gets from the dump script.
const FROM_THE_SCRIPT: [&str; 8] =
    ["bv2kw", "create_mti_child", "date", "Decimal", "dt", "new_content_type_id", "settings", "time"];

/// Writes a module with a migrator that does what the changes do to the dump script, from its version to `to`; none when
/// the script names no version.
///
/// Changes that cannot be made are left out; [`edit`] tells which.
#[must_use]
pub fn migrator(text: &str, changes: &[Change], asked: &[Asked], to: &str) -> Option<String> {
    let from = Script::read(text).source_version?;
    let method = from.replace(|letter: char| !letter.is_alphanumeric(), "_");
    let edited = edit(text, changes);
    let is_made = |number: usize| !edited.refused.iter().any(|(refused, _)| *refused == number);
    let made: Vec<&Change> =
        changes.iter().enumerate().filter(|(number, _)| is_made(*number)).map(|(_, change)| change).collect();

    let mut lines = vec![
        "# -*- coding: UTF-8 -*-".to_owned(),
        format!("\"\"\"Migrates the data of version {} to {}.\"\"\"", plain(&from), plain(to)),
        String::new(),
        "from lino.core.utils import resolve_model".to_owned(),
        "from lino.utils.dpy import Migrator, override".to_owned(),
        String::new(),
        String::new(),
        "class Migrator(Migrator):".to_owned(),
        String::new(),
        format!("    def migrate_from_{method}(self, globals_dict):"),
        "        \"\"\"What lino-upgrade's operator has decided; please look it over.\"\"\"".to_owned(),
    ];
    let body = Body::of(&edited, &made);
    lines.extend(body.lines(asked));
    lines.push(String::new());
    lines.push(format!("        return {}", python::text(to)));
    lines.push(String::new());
    Some(lines.join("\n"))
}

/// Returns a text that can stand in a docstring.
fn plain(text: &str) -> String {
    python::harmless(text).replace(['"', '\\'], " ")
}

struct Body<'a> {
    /// By table, the lines of its function.
    functions: BTreeMap<&'a str, Vec<String>>,
    /// Names of models with their variables.
    models: BTreeMap<String, String>,
    renamed: Vec<(String, String, String)>,
    names: BTreeSet<&'static str>,
}

impl<'a> Body<'a> {
    fn of(edited: &Edited, made: &[&'a Change]) -> Self {
        let script = Script::read(&edited.text);
        let all: Vec<&str> = edited.text.lines().collect();
        let mut body =
            Self { functions: BTreeMap::new(), models: BTreeMap::new(), renamed: Vec::new(), names: BTreeSet::new() };
        for change in made {
            let Some(function) = script.function(&change.table) else { continue };
            if let What::Rename(name) = &change.what {
                if let Some(variable) = &function.model {
                    body.renamed.push((variable.clone(), name.clone(), change.comment()));
                }
                continue;
            }
            let from = usize::try_from(function.lines.first).unwrap_or_default().saturating_sub(1);
            let to = usize::try_from(function.lines.last).unwrap_or_default();
            let own = all.get(from..to).unwrap_or_default();
            let is_left_out = change.rows == Rows::All && change.what == What::LeaveOut;
            let lines: Vec<String> = if is_left_out {
                let head = own.first().copied().unwrap_or_default();
                vec![head.to_owned(), format!("    {}", change.comment()), "    return None".to_owned()]
            } else {
                let lists = lists_before(&all, from);
                lists.iter().chain(own).map(|line| (*line).to_owned()).collect()
            };
            body.names.extend(FROM_THE_SCRIPT.iter().filter(|name| lines.iter().any(|line| has_word(line, name))));
            let used = script.models.iter().filter(|model| lines.iter().any(|line| has_word(line, &model.variable)));
            body.models.extend(used.map(|model| (model.variable.clone(), model.name.clone())));
            body.functions.insert(&change.table, lines);
        }
        body
    }

    fn lines(&self, asked: &[Asked]) -> Vec<String> {
        let mut lines = Vec::new();
        for question in asked {
            let text = format!("{}: {}", question.table, question.text);
            lines.push(format!("        {}", python::comment(&format!("to be answered for {text}"))));
        }
        for name in &self.names {
            lines.push(format!("        {name} = globals_dict[{}]", python::text(name)));
        }
        for (variable, model) in &self.models {
            lines.push(format!("        {variable} = resolve_model({})", python::double_quoted(model)));
        }
        for (variable, model, comment) in &self.renamed {
            lines.push(format!("        {comment}"));
            lines.push(format!(
                "        globals_dict[{}] = resolve_model({})",
                python::text(variable),
                python::double_quoted(model)
            ));
        }
        for own in self.functions.values() {
            lines.push(String::new());
            for line in own {
                if line.starts_with("def create_") {
                    lines.push("        @override(globals_dict)".to_owned());
                }
                let indented = if line.trim().is_empty() { String::new() } else { format!("        {line}") };
                lines.push(indented);
            }
        }
        lines
    }
}

/// Returns the lists of keys directly before a function.
fn lists_before<'t>(all: &[&'t str], function: usize) -> Vec<&'t str> {
    let before = all.get(..function).unwrap_or_default();
    let mut start = function;
    for (number, line) in before.iter().enumerate().rev() {
        if line.starts_with("ROWS_OF_") && line.contains("# lino-upgrade: ") {
            start = number;
        } else if !(line.is_empty() || *line == "}" || line.starts_with("    ") && line.ends_with(',')) {
            break;
        }
    }
    all.get(start..function).unwrap_or_default().to_vec()
}

fn has_word(line: &str, word: &str) -> bool {
    let continues = |letter: Option<char>| letter.is_some_and(|letter| letter == '_' || letter.is_alphanumeric());
    !line.trim_start().starts_with('#')
        && line.match_indices(word).any(|(at, _)| {
            let (before, rest) = line.split_at(at);
            let after = rest.strip_prefix(word).and_then(|rest| rest.chars().next());
            !continues(before.chars().next_back()) && !continues(after)
        })
}
