//! Conditions on the key of a row: short ones in the function, long ones as a set before it.

use std::collections::{BTreeMap, HashSet};

use super::Block;

/// Width at which lines are wrapped.
const WIDTH: usize = 100;

/// The long lists of keys that the script gets.
pub(super) struct Lists<'a> {
    text: &'a str,
    /// By table and keys the name of a list that is there already.
    known: BTreeMap<(String, Vec<String>), String>,
}

impl<'a> Lists<'a> {
    pub const fn new(text: &'a str) -> Self {
        Self { text, known: BTreeMap::new() }
    }

    /// Writes `if KEY in …:`; returns it with the list that it needs and that is not there yet.
    pub fn condition(
        &mut self,
        change: usize,
        table: &str,
        key: &str,
        literals: &[String],
        indentation: &str,
    ) -> (String, Option<Block>) {
        let literals = sorted(literals);
        if let [only] = literals.as_slice()
            && only.chars().count() < WIDTH
        {
            return (format!("{indentation}if {key} == {only}:"), None);
        }
        let short = format!("{indentation}if {key} in ({}):", literals.join(", "));
        if short.chars().count() <= WIDTH {
            return (short, None);
        }
        let known = self.known.get(&(table.to_owned(), literals.clone())).cloned();
        let is_new = known.is_none();
        let name = known.unwrap_or_else(|| self.free_name(table));
        let block = is_new.then(|| Block { change, lines: list(&name, &literals) });
        if is_new {
            self.known.insert((table.to_owned(), literals), name.clone());
        }
        (format!("{indentation}if {key} in {name}:"), block)
    }

    fn free_name(&self, table: &str) -> String {
        let stem = format!("ROWS_OF_{}", table.to_uppercase());
        let is_free = |name: &String| !self.text.contains(name) && !self.known.values().any(|known| known == name);
        let numbered = (2_u32..).map(|number| format!("{stem}_{number}"));
        std::iter::once(stem.clone()).chain(numbered).find(is_free).unwrap_or(stem)
    }
}

/// Returns each key once: numbers by size, others in their order.
fn sorted(literals: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found: Vec<String> = literals.iter().filter(|literal| seen.insert(literal.as_str())).cloned().collect();
    if let Ok(mut numbers) = found.iter().map(|text| text.parse::<i64>()).collect::<Result<Vec<i64>, _>>() {
        numbers.sort_unstable();
        if numbers.iter().zip(numbers.iter().skip(1)).all(|(one, next)| one < next) {
            found = numbers.iter().map(i64::to_string).collect();
        }
    }
    found
}

fn list(name: &str, literals: &[String]) -> Vec<String> {
    let mut lines = vec![format!("{name} = {{  # lino-upgrade: {} rows", literals.len())];
    let mut line = String::new();
    for literal in literals {
        if !line.is_empty() && line.chars().count() + literal.chars().count() + 2 > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(if line.is_empty() { "    " } else { " " });
        line.push_str(literal);
        line.push(',');
    }
    lines.push(line);
    lines.push("}".to_owned());
    lines.push(String::new());
    lines
}
