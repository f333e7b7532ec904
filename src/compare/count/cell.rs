//! Where the value of a column is in a row: an argument of its own, or one language of a babel field.

use crate::dump::{Conversion, Function, Row, Value};

/// A value of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    position: usize,
    language: Option<usize>,
    /// Whether the create function makes a decimal number of it.
    pub decimal: bool,
}

impl Cell {
    /// Finds a column: its own name, or the name of a babel field with the suffix of a language (`name_de`).
    pub fn find(function: &Function, languages: &[String], column: &str) -> Option<Self> {
        if let Some(position) = function.position(column) {
            let conversion = &function.parameters.get(position)?.conversion;
            let language = matches!(conversion, Conversion::Babel).then_some(0);
            return Some(Self { position, language, decimal: matches!(conversion, Conversion::Decimal) });
        }
        let column = column.to_lowercase();
        languages.iter().enumerate().skip(1).find_map(|(index, language)| {
            let suffix = format!("_{}", language.replace('-', "_")).to_lowercase();
            let name = column.strip_suffix(&suffix)?;
            let babel = |conversion: &Conversion| matches!(conversion, Conversion::Babel);
            let position = function
                .parameters
                .iter()
                .position(|parameter| parameter.name.to_lowercase() == name && babel(&parameter.conversion))?;
            Some(Self { position, language: Some(index), decimal: false })
        })
    }

    /// Reads it; an error when the row has no readable value there.
    pub fn value<'a>(&self, row: &Row<'a>) -> Result<Value<'a>, ()> {
        let value = row.value(self.position).ok_or(())?.map_err(|_| ())?;
        match (self.language, value) {
            (Some(index), Value::List(texts)) => Ok(texts.into_iter().nth(index).unwrap_or(Value::None)),
            // A babel field of a site with one language, or an edited row.
            (Some(0) | None, value) => Ok(value),
            (Some(_), _) => Ok(Value::None),
        }
    }
}
