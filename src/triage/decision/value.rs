//! Values of decisions, as a person or a file gives them.

use toml::value::Datetime;

/// A value that a person gives to a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point.
    Float(f64),
    /// A text; also a key, a choice, a decimal number or the name of a model.
    Text(String),
    /// A date, a time or both; without an offset, a moment is one in UTC, as in a dump.
    When(Datetime),
    /// Texts in the site's languages.
    Texts(Vec<String>),
}

impl Given {
    /// Reads what a person typed for a field; `class` is the field's class as Django calls it, where it is known.
    ///
    /// What does not look like a value of that class stays a text: the new version will say what is wrong with it.
    #[must_use]
    pub fn typed(text: &str, class: Option<&str>) -> Self {
        let class = class.unwrap_or_default().rsplit('.').next().unwrap_or_default();
        let plain = text.trim();
        let found = match class {
            "BooleanField" | "NullBooleanField" => match plain.to_lowercase().as_str() {
                "true" | "yes" | "1" => Some(Self::Bool(true)),
                "false" | "no" | "0" => Some(Self::Bool(false)),
                _ => None,
            },
            "DateField" | "DateTimeField" | "TimeField" => plain.parse().ok().map(Self::When),
            "FloatField" => plain.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Float),
            name if name.ends_with("IntegerField") || name.ends_with("AutoField") => plain.parse().ok().map(Self::Int),
            _ => None,
        };
        found.unwrap_or_else(|| Self::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_has_the_type_of_its_field() {
        let cases = [
            ("12", Some("django.db.models.fields.IntegerField"), Given::Int(12)),
            ("12", Some("CharField"), Given::Text("12".into())),
            ("12", None, Given::Text("12".into())),
            ("x", Some("IntegerField"), Given::Text("x".into())),
            ("No", Some("BooleanField"), Given::Bool(false)),
            ("2024-02-29", Some("DateField"), Given::When("2024-02-29".parse().unwrap())),
            ("2023-02-29", Some("DateField"), Given::Text("2023-02-29".into())),
            ("nan", Some("FloatField"), Given::Text("nan".into())),
            (" 12.50 ", Some("DecimalField"), Given::Text(" 12.50 ".into())),
        ];
        for (text, class, expected) in cases {
            assert_eq!(Given::typed(text, class), expected, "{text} {class:?}");
        }
    }
}
