//! What the rows of a snapshot point to.
//!
//! The models of the version that made it know it, and names let guess it ([`links`]): before any row file is read, and
//! with the model, for whoever follows keys. The heading of a row file knows which values are foreign keys, but not to
//! what ([`foreign_keys`]): who reads a log finds the model by what the log says.

use std::collections::BTreeMap;

use crate::compare::{Model, Models};
use crate::dump::{Conversion, Function, Heading, Parameter, Script, literal};

/// A value of the rows of a table that is the key of a row elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The table whose rows point.
    pub table: String,
    /// The place of the value in a row.
    pub place: usize,
    /// The parameter that takes it, `country_id`.
    pub field: String,
    /// The model that it points to, `countries.Country`.
    pub model: String,
    /// The table of that model; none when the snapshot has none.
    pub target: Option<String>,
    /// The place of the value that it is compared with in a row of that table.
    pub target_place: usize,
}

/// A value of the rows of a table that the heading of a row file tells to be a foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The place of the value in a row.
    pub place: usize,
    /// The field, `country`.
    pub field: String,
    /// The model that it points to, which is known of the link to the parent alone.
    pub model: Option<String>,
}

impl ForeignKey {
    /// Returns the value in a row with these arguments; none when it is not set.
    #[must_use]
    pub fn value(&self, arguments: &[u8]) -> Option<String> {
        literal::key(literal::argument(arguments, self.place)?)
    }
}

/// Returns the foreign keys of a row file: in its heading they have no `_id`, as in the create function. Without heading
/// everything with `_id` is taken for one.
#[must_use]
pub fn foreign_keys(script: &Script, function: &Function, heading: Option<&Heading<'_>>) -> Vec<ForeignKey> {
    let told = heading.map(|heading| &heading.fields).filter(|fields| !fields.is_empty());
    let parent = function.parent_link().zip(function.parent.as_deref().and_then(|parent| script.model_in(parent)));
    let points = |(place, parameter): (usize, &Parameter)| {
        let name = parameter.name.as_str();
        let field = name.strip_suffix("_id")?;
        let is_one = told.is_none_or(|fields| fields.contains(&field) && !fields.contains(&name));
        let model = parent.filter(|(link, _)| *link == place).map(|(_, model)| model.to_owned());
        is_one.then(|| ForeignKey { place, field: field.to_owned(), model })
    };
    function.parameters.iter().enumerate().filter_map(points).collect()
}

/// Finds what the rows of all tables point to.
#[must_use]
pub fn links(script: &Script, models: Option<&Models>) -> Vec<Link> {
    let known = Names::of(script, models);
    known.functions.values().flat_map(|function| known.of_table(function)).collect()
}

/// What can be looked up by name.
struct Names<'a> {
    script: &'a Script,
    /// The functions by table: the last one of each, as Python would.
    functions: BTreeMap<&'a str, &'a Function>,
    /// The tables by model.
    tables: BTreeMap<&'a str, &'a str>,
    classes: Classes<'a>,
    models: BTreeMap<&'a str, &'a Model>,
}

impl<'a> Names<'a> {
    fn of(script: &'a Script, models: Option<&'a Models>) -> Self {
        let functions: BTreeMap<&str, &Function> =
            script.functions.iter().map(|function| (function.table.as_str(), function)).collect();
        let named = functions.values().filter_map(|function| Some((script.model_of(function)?, &*function.table)));
        let tables: BTreeMap<&str, &str> = named.collect();
        let classes = Classes::of(tables.keys().copied());
        let models =
            models.into_iter().flat_map(|models| &models.models).map(|model| (model.model.as_str(), model)).collect();
        Self { script, functions, tables, classes, models }
    }

    /// Returns what is known of the model of a table.
    fn model(&self, function: &Function) -> Option<&'a Model> {
        let by_name = self.script.model_of(function).and_then(|name| self.models.get(name));
        by_name.or_else(|| self.models.values().find(|model| model.table == function.table)).copied()
    }

    fn of_table(&self, function: &Function) -> Vec<Link> {
        let model = self.model(function);
        let mut found = Vec::new();
        for (place, parameter) in function.parameters.iter().enumerate() {
            let field = parameter.name.as_str();
            let (target, column) = match (&parameter.conversion, model) {
                (Conversion::ContentType, _) => continue,
                (Conversion::ParentLink, _) => (self.parent(function), None),
                (_, Some(model)) => {
                    let known = model.fields.iter().find(|it| it.attname == field || it.name == field);
                    (known.and_then(|it| it.target.clone()), known.and_then(|it| it.target_column.as_deref()))
                }
                (_, None) => (self.guessed(function, field), None),
            };
            let Some(model) = target else { continue };
            let target = self.tables.get(model.as_str()).copied();
            let other = target.and_then(|table| self.functions.get(table));
            let target_place = other.map_or(0, |other| self.target_place(other, column));
            found.push(Link {
                table: function.table.clone(),
                place,
                field: field.to_owned(),
                model,
                target: target.map(str::to_owned),
                target_place,
            });
        }
        found
    }

    /// Returns the place of the value that others point to; nearly always the primary key.
    fn target_place(&self, function: &Function, column: Option<&str>) -> usize {
        let model = self.model(function);
        let named = column.and_then(|column| {
            let field = model?.fields.iter().find(|field| field.column.as_deref() == Some(column))?;
            function.position(&field.attname)
        });
        named.or_else(|| function.key(model.map(|model| model.pk.as_str()))).unwrap_or_default()
    }

    fn parent(&self, function: &Function) -> Option<String> {
        self.script.model_in(function.parent.as_deref()?).map(str::to_owned)
    }

    /// Returns the only model that a foreign key can point to by its name, or the only one of the same application.
    fn guessed(&self, function: &Function, field: &str) -> Option<String> {
        match self.classes.called(&field.strip_suffix("_id")?.replace('_', "")) {
            [only] => Some((*only).to_owned()),
            several => {
                let mut same = beside(several, self.script.model_of(function)?);
                same.next().filter(|_| same.next().is_none()).map(str::to_owned)
            }
        }
    }
}

/// Models by the name of their class in small letters.
pub(super) struct Classes<'a>(BTreeMap<String, Vec<&'a str>>);

impl<'a> Classes<'a> {
    pub fn of(models: impl Iterator<Item = &'a str>) -> Self {
        let mut classes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for model in models {
            let class = model.rsplit('.').next().unwrap_or(model).to_lowercase();
            classes.entry(class).or_default().push(model);
        }
        Self(classes)
    }

    /// Returns the models whose class has this name.
    pub fn called(&self, name: &str) -> &[&'a str] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns those of the same application as a model.
pub(super) fn beside<'a>(models: &[&'a str], own: &str) -> impl Iterator<Item = &'a str> {
    let own = own.split('.').next();
    models.iter().copied().filter(move |model| model.split('.').next() == own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Field;

    const SCRIPT: &str = "SOURCE_VERSION = '1'\na_Place = resolve_model(\"a.Place\")\nb_Place = \
        resolve_model(\"b.Place\")\na_Country = resolve_model(\"a.Country\")\na_Shop = resolve_model(\"a.Shop\")\n\
        def create_a_country(isocode, name):\n    kw = dict()\n    kw.update(isocode=isocode)\n    \
        kw.update(name=name)\n    return a_Country(**kw)\n\
        def create_a_place(id, country_id, boss_id, owner_type_id):\n    owner_type_id = \
        new_content_type_id(owner_type_id)\n    kw = dict()\n    kw.update(id=id)\n    \
        kw.update(country_id=country_id)\n    kw.update(boss_id=boss_id)\n    kw.update(owner_type_id=owner_type_id)\n\
        \x20   return a_Place(**kw)\n\
        def create_b_place(id, place_id):\n    kw = dict()\n    kw.update(id=id)\n    kw.update(place_id=place_id)\n\
        \x20   return b_Place(**kw)\n\
        def create_a_shop(place_ptr_id, place_id):\n    kw = dict()\n    kw.update(place_id=place_id)\n    return \
        create_mti_child(a_Place, place_ptr_id, a_Shop, **kw)\n";

    fn told(links: &[Link]) -> Vec<(&str, &str, &str, Option<&str>, usize)> {
        let one = |link: &'_ Link| -> (String, usize) { (link.table.clone(), link.place) };
        assert!(links.is_sorted_by_key(one));
        links
            .iter()
            .map(|link| {
                let target = link.target.as_deref();
                (link.table.as_str(), link.field.as_str(), link.model.as_str(), target, link.target_place)
            })
            .collect()
    }

    #[test]
    fn targets_are_guessed_where_only_one_model_has_the_name() {
        let script = Script::read(SCRIPT);
        let found = links(&script, None);
        let expected = [
            ("a_place", "country_id", "a.Country", Some("a_country"), 0),
            ("a_shop", "place_ptr_id", "a.Place", Some("a_place"), 0),
            ("a_shop", "place_id", "a.Place", Some("a_place"), 0),
            ("b_place", "place_id", "b.Place", Some("b_place"), 0),
        ];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn models_know_better_than_names() {
        let script = Script::read(SCRIPT);
        let field = |attname: &str, target: Option<&str>, column: Option<&str>| Field {
            attname: attname.into(),
            column: Some(attname.into()),
            target: target.map(Into::into),
            target_column: column.map(Into::into),
            ..Field::default()
        };
        let model =
            |name: &str, pk: &str, fields| Model { model: name.into(), pk: pk.into(), fields, ..Model::default() };
        let place = vec![
            field("country_id", Some("a.Country"), Some("name")),
            field("boss_id", Some("z.Person"), Some("id")),
            field("owner_type_id", Some("contenttypes.ContentType"), Some("id")),
        ];
        let country = vec![field("isocode", None, None), field("name", None, None)];
        let models = vec![model("a.Place", "id", place), model("a.Country", "isocode", country)];
        let models = Models { models, ..Models::default() };
        let found = links(&script, Some(&models));
        let expected = [
            ("a_place", "country_id", "a.Country", Some("a_country"), 1),
            ("a_place", "boss_id", "z.Person", None, 0),
            ("a_shop", "place_ptr_id", "a.Place", Some("a_place"), 0),
            ("a_shop", "place_id", "a.Place", Some("a_place"), 0),
            ("b_place", "place_id", "b.Place", Some("b_place"), 0),
        ];
        assert_eq!(told(&found), expected);
    }
}
