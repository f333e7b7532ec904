//! What the new version admits in a row of the old one: fields that it adds, and the values of a choice.

use super::row::RowDetail;
use crate::compare::{Field, Model};

/// Adds to a row what its model in the new version knows. Texts come from the site, and are not to be trusted.
pub fn admit(row: &mut RowDetail, new: &Model) {
    let is = |field: &Field, name: &str| field.name == name || field.attname == name;
    let added = new.fields.iter().filter(|field| {
        field.babel_of.is_none() && !field.primary_key && !row.fields.iter().any(|known| is(field, &known.name))
    });
    row.new_fields = added.map(|field| field.name.clone()).collect();
    for known in &mut row.fields {
        let choices = new.fields.iter().find(|field| is(field, &known.name)).and_then(|field| field.choices.as_ref());
        known.choices = choices
            .into_iter()
            .flatten()
            .filter(|(value, _)| !value.is_null())
            .map(|(value, said)| {
                let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                (value, said.clone().unwrap_or_default())
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::triage::FieldValue;

    #[test]
    fn a_row_is_told_the_fields_and_choices_of_the_new_version() {
        let field =
            |name: &str, attname: &str| Field { name: name.into(), attname: attname.into(), ..Field::default() };
        let pair = |value: Value, said: &str| (value, Some(said.to_owned()));
        let new = Model {
            fields: vec![
                Field { primary_key: true, ..field("key", "key") },
                Field {
                    choices: Some(vec![pair("HUR".into(), "Hours"), pair(2.into(), "Two"), pair(Value::Null, "-")]),
                    ..field("unit", "unit")
                },
                field("partner", "partner_id"),
                field("title", "title"),
                Field { babel_of: Some("title".into()), ..field("title_de", "title_de") },
            ],
            ..Model::default()
        };
        let value = |name: &str| FieldValue { name: name.into(), ..FieldValue::default() };
        let mut row = RowDetail {
            fields: vec![value("id"), value("unit"), value("partner_id"), value("summary")],
            ..RowDetail::default()
        };
        admit(&mut row, &new);
        assert_eq!(row.new_fields, ["title"]);
        let choices: Vec<_> = row.fields.iter().map(|field| field.choices.clone()).collect();
        let pair = |value: &str, said: &str| (value.to_owned(), said.to_owned());
        assert_eq!(choices, [vec![], vec![pair("HUR", "Hours"), pair("2", "Two")], vec![], vec![]]);
    }
}
