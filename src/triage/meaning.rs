//! What messages of Python, Django and Lino mean to an operator, where they speak to developers.

use super::cause::Cause;

impl Cause {
    /// Says what its message means and what can be decided, in full sentences; none where the message says it itself.
    #[must_use]
    pub fn meaning(&self) -> Option<String> {
        let own = super::decision::canonical(&self.model);
        self.messages.iter().find_map(|(_, text)| meaning(text, &own))
    }
}

fn meaning(text: &str, own: &str) -> Option<String> {
    if let Some((_, names)) =
        text.split_once("got unexpected keyword argument").or(text.split_once("got an unexpected keyword argument"))
    {
        return no_fields(&quoted(names));
    }
    if text.contains("'UnresolvedModel' object") {
        let what = "The new version has no such model. Leave all its rows out, or give the model its new name.";
        return Some(what.to_owned());
    }
    if let Some(rest) = text.strip_prefix("Unresolved value ") {
        let value = *quoted(rest).first()?;
        let (_, list) = rest.split_once(" for ")?;
        let list = list.split_once(' ').map_or(list, |(list, _)| list);
        return Some(format!("{list} has no choice {value} any more. Set another one, or empty the field."));
    }
    let taken = text.strip_prefix("UNIQUE constraint failed: ").and_then(|place| place.strip_suffix(".id"));
    if let Some(table) = taken.filter(|table| *table != own) {
        return Some(format!(
            "While this row is saved, Lino makes a row of {table} itself, whose number a row of the snapshot has. Leave \
             all rows of {table} out, since Lino makes them again, or ask the developer."
        ));
    }
    if let Some((_, path)) = text.split_once("] File exists: ") {
        return Some(format!(
            "The new version makes {} itself, but it is there already, perhaps from an earlier restore. Remove it where \
             nobody needs it.",
            path.trim_matches('\'')
        ));
    }
    if let Some(place) = text.strip_prefix("NOT NULL constraint failed: ") {
        let field = place.rsplit('.').next()?;
        return Some(format!("The field {} must have a value in the new version.", field.trim_end_matches("_id")));
    }
    None
}

/// Says that fields are gone. The columns of their translations are no fields of their own.
fn no_fields(names: &[&str]) -> Option<String> {
    let all: Vec<&str> =
        names.iter().copied().filter(|name| !untranslated(name).is_some_and(|name| names.contains(&name))).collect();
    match all.as_slice() {
        [] => None,
        [one, others @ ..] if let Some(name) = untranslated(one).filter(|name| is_all_of(name, others)) => {
            Some(format!(
                "The field {name} has one text for all languages now. To keep that of the main language, copy it to itself: \
             copy = {{ {name} = \"{name}\" }}."
            ))
        }
        [one] => {
            Some(format!("The new version has no field {one}. Copy it to the field that takes its place, or drop it."))
        }
        all => Some(format!(
            "The new version has no fields {}. Copy each to the field that takes its place, or drop it.",
            all.join(", ")
        )),
    }
}

/// Returns the name of a field without a language at its end, `name` of `name_de`.
fn untranslated(name: &str) -> Option<&str> {
    let (name, language) = name.rsplit_once('_')?;
    (language.len() == 2 && language != "id" && language.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(name)
}

/// Tells whether all columns are translations of one field.
fn is_all_of(field: &str, columns: &[&str]) -> bool {
    columns.iter().all(|column| untranslated(column) == Some(field))
}

/// Returns the texts between simple quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_developers_read_is_said_to_operators() {
        let cases = [
            (
                "Ticket() got unexpected keyword arguments: 'summary', 'description'",
                Some(
                    "The new version has no fields summary, description. Copy each to the field that takes its place, or drop it.",
                ),
            ),
            (
                "User() got an unexpected keyword argument 'event_type_id'",
                Some(
                    "The new version has no field event_type_id. Copy it to the field that takes its place, or drop it.",
                ),
            ),
            (
                "PaperType() got unexpected keyword arguments: 'name', 'name_de', 'name_fr'",
                Some("The new version has no field name. Copy it to the field that takes its place, or drop it."),
            ),
            (
                "Country() got unexpected keyword arguments: 'name_de', 'name_fr'",
                Some(
                    "The field name has one text for all languages now. To keep that of the main language, copy it to itself: copy = { name = \"name\" }.",
                ),
            ),
            (
                "'UnresolvedModel' object has no attribute '_meta'",
                Some("The new version has no such model. Leave all its rows out, or give the model its new name."),
            ),
            (
                "Unresolved value '10' (<class 'str'>) for products.DeliveryUnits (set Site.strict_choicelist_values to False to ignore this)",
                Some("products.DeliveryUnits has no choice 10 any more. Set another one, or empty the field."),
            ),
            (
                "NOT NULL constraint failed: notify_message.user_id",
                Some("The field user must have a value in the new version."),
            ),
            (
                "UNIQUE constraint failed: memo_mention.id",
                Some(
                    "While this row is saved, Lino makes a row of memo_mention itself, whose number a row of the snapshot has. Leave all rows of memo_mention out, since Lino makes them again, or ask the developer.",
                ),
            ),
            ("UNIQUE constraint failed: tickets_ticket.id", None),
            (
                "[Errno 17] File exists: '/site/media/volumes/inbox'",
                Some(
                    "The new version makes /site/media/volumes/inbox itself, but it is there already, perhaps from an earlier restore. Remove it where nobody needs it.",
                ),
            ),
            ("VAT identification number is greater than 19999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(meaning(text, "tickets_ticket").as_deref(), expected);
        }
    }
}
