//! Made-up sources, judged as whole values. Real ones are in `tests/suite/matrix.rs`.

use super::super::catalogue::Table;
use super::super::evidence::Example;
use super::super::migrator::Step;
use super::super::model::{Field, Model};
use super::*;
use crate::compare::{Question, Rows};

const OLD: &str = "\
#!/usr/bin/env python
# -*- coding: UTF-8 -*-
# This is a Python dump created using dump2py.
SOURCE_VERSION = '1.0'
shop_Partner = resolve_model(\"shop.Partner\")
shop_Setting = resolve_model(\"shop.Setting\")
def create_shop_partner(id, name, email, country_id):
    kw = dict()
    kw.update(id=id)
    kw.update(name=name)
    kw.update(email=email)
    kw.update(country_id=country_id)
    return shop_Partner(**kw)

def create_shop_setting(id, name):
    kw = dict()
    kw.update(id=id)
    kw.update(name=name)
    return shop_Setting(**kw)

def main(args):
    execfile(\"shop_partner.py\", *args)
    execfile(\"shop_setting.py\", *args)
    loader.finalize()

if __name__ == '__main__':
    args = parser.parse_args()
    main(args)
";

fn field(name: &str, kind: &str) -> Field {
    Field {
        name: name.into(),
        attname: name.into(),
        column: Some(name.into()),
        class: "CharField".into(),
        db_type: Some(kind.into()),
        blank: true,
        ..Field::default()
    }
}

fn model(name: &str, table: &str, fields: Vec<Field>) -> Model {
    let key = Field { class: "AutoField".into(), primary_key: true, unique: true, ..field("id", "integer") };
    Model {
        model: name.into(),
        table: table.into(),
        managed: true,
        pk: "id".into(),
        pk_column: "id".into(),
        rules: Some(Vec::new()),
        fields: [vec![key], fields].concat(),
        ..Model::default()
    }
}

fn models() -> Models {
    let country = Field {
        attname: "country_id".into(),
        column: Some("country_id".into()),
        target: Some("shop.Partner".into()),
        class: "ForeignKey".into(),
        null: true,
        ..field("country", "integer")
    };
    let partner = model(
        "shop.Partner",
        "shop_partner",
        vec![field("name", "varchar(80)"), field("email", "varchar(80)"), country],
    );
    let setting = model("shop.Setting", "shop_setting", vec![field("name", "varchar(40)")]);
    Models { languages: vec!["en".into()], models: vec![partner, setting], rules: Some(BTreeMap::new()) }
}

/// Both versions alike, the database as both want it.
fn looked() -> Looked {
    let described =
        |version: &str| Described { version: Some(version.into()), models: models(), ..Described::default() };
    Looked {
        before: Ok(described("1.0")),
        after: Ok(described("2.0")),
        old: Ok(Script::read(OLD)),
        new: Ok(Script::read(&OLD.replace("1.0", "2.0"))),
        catalogue: Ok(Catalogue::expected(&models().models)),
        engine: "postgresql".into(),
        rows: BTreeMap::from([("shop_partner".into(), 10), ("shop_setting".into(), 3)]),
        left_out: Vec::new(),
    }
}

fn change(looked: &mut Looked, change: impl FnOnce(&mut Vec<Model>)) {
    change(&mut looked.after.as_mut().unwrap().models.models);
}

fn field_of<'a>(models: &'a mut [Model], model: usize, name: &str) -> &'a mut Field {
    models[model].fields.iter_mut().find(|field| field.name == name).unwrap()
}

fn row(file: &str) -> Example {
    Example { file: file.into(), line: 4, key: "1".into() }
}

/// Gathers the evidence when so many rows answer each question.
fn evidence(looked: Looked, touched: &Touched) -> Evidence {
    let sources = Sources::new(looked);
    let merged = merge(&sources);
    let counts = merged.iter().map(|merged| {
        let later = if let Touched::Rows(rows) = touched { *rows } else { 0 };
        let file = merged.questions().first().map(|question| format!("{}.py", question.table));
        Count { touched: touched.clone(), later, examples: file.iter().map(|file| row(file)).collect(), file }
    });
    let counts = counts.collect();
    Evidence::gather(&sources, merged, counts)
}

type Told<'a> = (Verdict, &'a str, Vec<(Class, &'a Effect, &'a [Source])>);

/// Verdict, sentence, and of each difference that is no noise class, effect and sources.
fn told(evidence: &Evidence) -> Told<'_> {
    let found = evidence.found.iter().map(|found| (found.difference.class, &found.effect, found.sources.as_slice()));
    (evidence.verdict, evidence.sentence.as_str(), found.collect())
}

const SKIP: &str = "SKIP: the tables of the database are already as the new version wants them, every stored \
    value fits its column and choices, and no other code checks the rows.";

use Source::{Catalogue as InDatabase, Models as OfModels, Scripts};

#[test]
fn nothing_that_differs_is_a_skip_and_every_source_says_so() {
    let found = evidence(looked(), &Touched::Rows(0));
    assert_eq!(told(&found), (Verdict::Skip, SKIP, vec![]));
    assert_eq!(found.versions, [Some("1.0".into()), Some("2.0".into())]);
    assert_eq!(found.left_out, Vec::<String>::new());
    let said: Vec<(Source, &str)> = found.said.iter().map(|(source, text)| (*source, text.as_str())).collect();
    assert_eq!(
        said,
        [
            (Scripts, "Between the dump script of the snapshot and the simulated one: one difference, which is noise."),
            (
                OfModels,
                "The old version has 2 models, the new one 2, with no difference between them. The code of \
                 Lino and the application that runs for each row is the same."
            ),
            (InDatabase, "Between the tables of the database and those that the new version expects: no difference."),
            (
                Source::Migrator,
                "No step of a migrator runs for this jump, which proves nothing: most applications have none."
            ),
        ]
    );
}

#[test]
fn whatever_was_not_looked_at_is_never_a_skip() {
    type Spoil = fn(&mut Looked);
    let cases: [(Spoil, &[&str]); 7] = [
        (|it| it.before = Err("No old.".into()), &["No old."]),
        (|it| it.new = Err("No simulated dump.".into()), &["No simulated dump."]),
        (|it| it.catalogue = Err("No catalogue.".into()), &["No catalogue."]),
        (|it| it.left_out = vec!["No snapshot.".into()], &["No snapshot."]),
        (|it| it.old = Err("No script.".into()), &["No script.", "Nobody knows what the migrator would do."]),
        (
            |it| it.after = Err("No new.".into()),
            &[
                "No new.",
                "Nobody knows which tables the new version expects.",
                "Nobody knows what the migrator would do.",
            ],
        ),
        (
            |it| {
                it.after.as_mut().unwrap().migrator.steps =
                    vec![Step { from: "1.0".into(), to: Some("2.0".into()), ..Step::default() }];
            },
            &[],
        ),
    ];
    for (spoil, left_out) in cases {
        let mut looked = looked();
        spoil(&mut looked);
        let found = evidence(looked, &Touched::Rows(0));
        assert_eq!(
            (found.verdict, found.left_out.as_slice()),
            (Verdict::Restore, left_out.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().as_slice())
        );
    }
}

#[test]
fn unknown_rows_are_never_a_skip() {
    let mut looked = looked();
    change(&mut looked, |models| field_of(models, 0, "email").class = "SecretField".into());
    let found = evidence(looked.clone(), &Touched::Unknown("3 rows with secrets".into()));
    let sentence = "RESTORE: one difference needs it.";
    assert_eq!(
        told(&found),
        (Verdict::Restore, sentence, vec![(Class::DataDependent, &Effect::Unknown, &[OfModels][..])])
    );
    assert_eq!(found.found[0].remedy.as_deref(), Some("Only a rehearsal can tell which rows are refused."));
    // The same with no row in doubt changes nothing in the database.
    assert_eq!(told(&evidence(looked, &Touched::Rows(0))), (Verdict::Skip, SKIP, vec![]));
}

#[test]
fn what_two_or_three_sources_say_is_told_once() {
    let mut looked = looked();
    change(&mut looked, |models| {
        models[0].fields.retain(|field| field.name != "email");
        field_of(models, 0, "name").db_type = Some("varchar(20)".into());
    });
    looked.new = Ok(Script::read(&OLD.replace(", email", "").replace("    kw.update(email=email)\n", "")));
    let found = evidence(looked, &Touched::Rows(4));
    let sentence = "RESTORE after decisions: 4 rows would be refused; it would stop at shop_partner.py.";
    let stops = Effect::Stops { file: "shop_partner.py".into() };
    let expected = vec![
        (Class::Destructive, &stops, &[OfModels, Scripts, InDatabase][..]),
        (Class::DataDependent, &Effect::Fails(4), &[OfModels, InDatabase][..]),
    ];
    assert_eq!(told(&found), (Verdict::Decide, sentence, expected));
    let first = &found.found[0];
    assert_eq!((&first.touched, first.examples.as_slice()), (&Touched::Rows(4), &[row("shop_partner.py")][..]));
    assert_eq!(
        first.remedy.as_deref(),
        Some(
            "To drop the values, take the line `kw.update(email=email)` out of create_shop_partner in the copy of \
             restore.py. To keep them, give them another name there, or with @override in a migrator."
        )
    );
}

#[test]
fn a_field_that_is_gone_stops_the_restore_even_when_it_is_empty_everywhere() {
    let mut looked = looked();
    change(&mut looked, |models| models[0].fields.retain(|field| field.name != "email"));
    let stops = Effect::Stops { file: "shop_partner.py".into() };
    let found = evidence(looked.clone(), &Touched::Rows(0));
    assert_eq!(
        (found.verdict, &found.found[0].effect, found.found[0].difference.class),
        (Verdict::Decide, &stops, Class::Additive)
    );
    // Unless the table is empty; but the column has to go.
    looked.rows.insert("shop_partner".into(), 0);
    let found = evidence(looked.clone(), &Touched::Rows(0));
    assert_eq!((found.verdict, &found.found[0].effect), (Verdict::Restore, &Effect::Loads));
    // Or a hand has taken out the line that would stop it.
    looked.rows.insert("shop_partner".into(), 10);
    looked.old = Ok(Script::read(&OLD.replace("    kw.update(email=email)\n", "")));
    let found = evidence(looked, &Touched::Rows(4));
    let gone = found.found.iter().find(|found| found.difference.change == Change::Removed).unwrap();
    assert_eq!(gone.effect, Effect::Loses(4));
}

#[test]
fn a_field_that_moves_to_the_parent_takes_its_values_along() {
    let mut looked = looked();
    let link = || Field {
        attname: "partner_ptr_id".into(),
        column: Some("partner_ptr_id".into()),
        target: Some("shop.Partner".into()),
        primary_key: true,
        ..field("partner_ptr", "integer")
    };
    for (described, vat) in [(&mut looked.before, 1), (&mut looked.after, 0)] {
        let models = &mut described.as_mut().unwrap().models.models;
        let mut person = model("shop.Person", "shop_person", vec![link(), field("vat", "varchar(20)")]);
        person.parents = vec!["shop.Partner".into()];
        person.fields.remove(0);
        let moved = person.fields[1].clone();
        if vat == 0 {
            person.fields.pop();
            models[0].fields.push(moved);
        }
        models.push(person);
    }
    let create = "def create_shop_person(partner_ptr_id, vat):\n    kw = dict()\n    kw.update(vat=vat)\n    \
        return create_mti_child(shop_Partner, partner_ptr_id, shop_Person, **kw)\n\ndef main(args):\n    \
        execfile(\"shop_person.py\", *args)\n";
    looked.old = Ok(Script::read(&OLD.replace("def main(args):\n", create)));
    looked.rows.insert("shop_person".into(), 5);
    let found = evidence(looked, &Touched::Rows(5));
    let vat = Subject::Field("shop.Person".into(), "vat".into());
    let gone = found.found.iter().find(|found| found.difference.subject == vat).unwrap();
    let told = (gone.difference.class, &gone.effect, gone.difference.sentence.as_str(), gone.remedy.as_deref());
    let sentence = "shop.Person.vat moves to shop.Partner, which it is a part of.";
    assert_eq!(told, (Class::Additive, &Effect::Loads, sentence, None));
}

/// Settings become parts of another model, which has their name.
fn with_parent_of_settings(parent: &str) -> Looked {
    let mut looked = looked();
    let link = Field {
        attname: "parent_ptr_id".into(),
        column: Some("parent_ptr_id".into()),
        target: Some(parent.into()),
        primary_key: true,
        ..field("parent_ptr", "integer")
    };
    change(&mut looked, |models| {
        let name = models[1].fields.remove(1);
        models[1].fields = vec![link];
        models[1].parents = vec![parent.into()];
        "parent_ptr_id".clone_into(&mut models[1].pk);
        "parent_ptr_id".clone_into(&mut models[1].pk_column);
        match models.iter_mut().find(|model| model.model == parent) {
            Some(parent) => field_of(std::slice::from_mut(parent), 0, "name").clone_from(&name),
            None => models.push(model(parent, "shop_entry", vec![name])),
        }
    });
    looked
}

#[test]
fn a_model_that_becomes_a_part_of_a_new_one_loads() {
    let found = evidence(with_parent_of_settings("shop.Entry"), &Touched::Rows(3));
    let told = |found: &Found| (found.difference.sentence.clone(), found.touched.clone(), found.effect.clone());
    let gone = found.found.iter().filter(|found| found.difference.change == Change::Removed);
    assert_eq!(
        gone.map(told).collect::<Vec<_>>(),
        ["id", "name"].map(|name| {
            let sentence = format!("shop.Setting.{name} moves to shop.Entry, which it is a part of.");
            (sentence, Touched::Rows(3), Effect::Loads)
        })
    );
    assert_eq!((found.verdict, found.found.iter().any(Found::is_in_the_way)), (Verdict::Restore, false));
}

#[test]
fn a_model_that_becomes_a_part_of_one_with_rows_has_their_keys() {
    let taken = Rows::Taken { column: "id".into(), table: "shop_partner".into(), key: "id".into() };
    let is_gain = |change: &Change| matches!(change, Change::Parents { .. });
    for (order, expected) in [("", Effect::Fails(2)), ("later", Effect::Unknown)] {
        let mut looked = with_parent_of_settings("shop.Partner");
        if order == "later" {
            // The settings come first, and leave the partners no room.
            let (one, other) =
                ("    execfile(\"shop_partner.py\", *args)\n", "    execfile(\"shop_setting.py\", *args)\n");
            looked.old = Ok(Script::read(&OLD.replace(one, "").replace(other, &format!("{other}{one}"))));
        }
        let sources = Sources::new(looked.clone());
        let gains = merge(&sources).into_iter().find(|merged| is_gain(&merged.difference.change)).unwrap();
        assert_eq!(gains.questions(), [Question { table: "shop_setting".into(), rows: taken.clone() }]);
        let found = evidence(looked, &Touched::Rows(2));
        let effect = found.found.iter().find(|found| is_gain(&found.difference.change)).map(|found| &found.effect);
        assert_eq!(effect, Some(&expected), "{order}");
    }
}

#[test]
fn a_new_parent_that_wants_a_value_is_for_a_rehearsal() {
    let mut looked = with_parent_of_settings("shop.Entry");
    change(&mut looked, |models| {
        models[2].fields.push(Field { blank: false, ..field("vat", "varchar(9)") });
    });
    let found = evidence(looked, &Touched::Rows(3));
    let gains = found.found.iter().find(|found| matches!(found.difference.change, Change::Parents { .. })).unwrap();
    assert_eq!((found.verdict, &gains.effect), (Verdict::Restore, &Effect::Unknown));
}

#[test]
fn a_row_that_points_to_a_model_that_is_gone_ends_the_restore() {
    let mut looked = looked();
    change(&mut looked, |models| models.retain(|model| model.model != "shop.Setting"));
    let pointer = OLD
        .replace("(id, name, email, country_id)", "(id, name, owner_type_id)")
        .replace("    kw = dict()\n", "    owner_type_id = new_content_type_id(owner_type_id)\n    kw = dict()\n")
        .replace("kw.update(email=email)", "kw.update(owner_type_id=owner_type_id)");
    looked.old = Ok(Script::read(&pointer));
    looked.rows.insert("shop_setting".into(), 0);
    let of_pointer = |found: &&Found| matches!(found.difference.change, Change::Choices { .. });
    let found = evidence(looked.clone(), &Touched::Rows(4));
    let pointers: Vec<&Found> = found.found.iter().filter(of_pointer).collect();
    let question = Question {
        table: "shop_partner".into(),
        rows: Rows::NotIn("owner_type_id".into(), vec!["shop_Partner".into()]),
    };
    let expected = Found {
        sources: vec![Scripts],
        difference: Difference {
            class: Class::Destructive,
            subject: Subject::Field("shop.Partner".into(), "owner_type_id".into()),
            change: Change::Choices { added: vec![], removed: vec!["shop.Setting".into()] },
            sentence: "shop.Partner.owner_type_id may not point to shop.Setting any more, which is gone.".into(),
            questions: vec![question],
        },
        touched: Touched::Rows(4),
        examples: vec![row("shop_partner.py")],
        effect: Effect::Stops { file: "shop_partner.py".into() },
        remedy: Some(
            "Delete these rows in the old version before the upgrade, or leave them out in create_shop_partner with \
             @override in a migrator. When the model was only renamed, its new name in the copy of restore.py is enough."
                .into(),
        ),
    };
    assert_eq!(pointers, [&expected]);
    // Where no row does so, it is noise.
    let found = evidence(looked, &Touched::Rows(0));
    assert_eq!(found.noise.iter().filter(of_pointer).count(), 1);
}

#[test]
fn a_model_that_was_renamed_only_wants_its_new_name() {
    let mut looked = looked();
    change(&mut looked, |models| {
        "shop.SiteSetting".clone_into(&mut models[1].model);
        "shop_sitesetting".clone_into(&mut models[1].table);
    });
    let mut found = evidence(looked, &Touched::Rows(3));
    let gone = found.found[0].remedy.clone();
    assert!(found.decide(0, Some(true)));
    let remedy = "Write `resolve_model(\"shop.SiteSetting\")` instead of `resolve_model(\"shop.Setting\")` in the copy of \
                  restore.py.";
    assert_eq!((found.found[0].remedy.as_deref(), found.verdict), (Some(remedy), Verdict::Decide));
    assert!(found.decide(0, Some(false)));
    assert_eq!(found.found[0].remedy, gone);
}

#[test]
fn a_model_that_is_gone_is_in_nobodys_way_when_it_has_no_rows() {
    let mut looked = looked();
    change(&mut looked, |models| models.retain(|model| model.model != "shop.Setting"));
    let found = evidence(looked.clone(), &Touched::Rows(3));
    let stops = Effect::Stops { file: "shop_setting.py".into() };
    let sentence = "RESTORE after decisions: 3 rows belong to models that are gone.";
    assert_eq!(
        told(&found),
        (Verdict::Decide, sentence, vec![(Class::Destructive, &stops, &[OfModels, InDatabase][..])])
    );
    looked.rows.insert("shop_setting".into(), 0);
    assert_eq!(told(&evidence(looked, &Touched::Rows(0))), (Verdict::Skip, SKIP, vec![]));
}

#[test]
fn a_row_that_points_to_nothing_ends_the_restore_and_others_only_fail() {
    for (model, effect) in [(0, Effect::Fails(2)), (1, Effect::Stops { file: "shop_setting.py".into() })] {
        let mut looked = looked();
        change(&mut looked, |models| field_of(models, model, "name").blank = false);
        let found = evidence(looked, &Touched::Rows(2));
        let expected = vec![(Class::DataDependent, &effect, &[OfModels][..])];
        assert_eq!((found.verdict, told(&found).2), (Verdict::Decide, expected));
    }
}

#[test]
fn a_step_of_the_migrator_answers_for_the_tables_that_it_names() {
    let mut looked = looked();
    change(&mut looked, |models| models[0].fields.retain(|field| field.name != "email"));
    let step = |table: &str| Step {
        from: "1.0".into(),
        to: Some("2.0".into()),
        creates: vec![table.into()],
        ..Step::default()
    };
    for (table, verdict, sentence) in [
        ("shop_partner", Verdict::Restore, "RESTORE: the migrator changes rows on their way; one difference needs it."),
        ("shop_setting", Verdict::Decide, "RESTORE after decisions: it would stop at shop_partner.py."),
    ] {
        looked.after.as_mut().unwrap().migrator.steps = vec![step(table)];
        let found = evidence(looked.clone(), &Touched::Rows(4));
        assert_eq!((found.verdict, found.sentence.as_str()), (verdict, sentence), "{table}");
    }
    looked.after.as_mut().unwrap().migrator.error = Some("ImportError: x".into());
    let found = evidence(looked, &Touched::Rows(0));
    assert_eq!(
        found.sentence,
        "RESTORE after decisions: the migrator would stop it before it begins; it would stop at shop_partner.py."
    );
}

#[test]
fn a_renaming_is_asked_and_the_answer_changes_what_is_advised() {
    let mut looked = looked();
    change(&mut looked, |models| {
        let field = field_of(models, 0, "email");
        "e_mail".clone_into(&mut field.name);
        "e_mail".clone_into(&mut field.attname);
        field.column = Some("e_mail".into());
    });
    let mut found = evidence(looked, &Touched::Rows(4));
    let guess = &found.renamings[0].guess;
    assert_eq!(
        (guess.to.to_string(), guess.because.as_str()),
        (
            "shop.Partner.e_mail".to_owned(),
            "email is gone, e_mail of the same type is new, and the names are alike. 4 of 10 rows have a value."
        )
    );
    let undecided = found.clone();
    assert!(found.decide(0, Some(true)) && !found.decide(1, Some(true)));
    let remedy = "Write `e_mail=email` instead of `email=email` in the create function in the copy of restore.py, or let \
                  a migrator do so with @override.";
    assert_eq!((found.found[0].remedy.as_deref(), found.verdict), (Some(remedy), Verdict::Decide));
    assert!(found.decide(0, None));
    assert_eq!(found, undecided);
}

#[test]
fn a_column_that_no_model_ever_had_is_in_the_way_of_a_skip() {
    let mut looked = looked();
    let tables = &mut looked.catalogue.as_mut().unwrap().tables;
    let legacy = super::super::catalogue::Column { name: "legacy".into(), nullable: true, ..Default::default() };
    tables[0].columns.push(legacy);
    tables.push(Table { name: "django_migrations".into(), ..Table::default() });
    let why = "the snapshot has no values of legacy in the table shop_partner";
    let found = evidence(looked, &Touched::Unknown(why.into()));
    let sentence = "RESTORE: one difference needs it.";
    assert_eq!(
        told(&found),
        (Verdict::Restore, sentence, vec![(Class::Destructive, &Effect::Unknown, &[InDatabase][..])])
    );
    assert_eq!(found.noise.len(), 2, "{:?}", found.noise);
}

#[test]
fn questions_are_asked_in_the_words_of_the_row_files() {
    let mut looked = looked();
    for described in [&mut looked.before, &mut looked.after] {
        field_of(&mut described.as_mut().unwrap().models.models, 0, "name").column = Some("title".into());
    }
    change(&mut looked, |models| {
        models[0].table = "shop_person".into();
        models[0].fields.push(Field { blank: false, ..field("vat", "varchar(9)") });
    });
    let real = &mut looked.catalogue.as_mut().unwrap().tables[0];
    real.columns[1].name = "title".into();
    let questions: Vec<Question> = merge(&Sources::new(looked)).iter().flat_map(Merged::questions).collect();
    assert_eq!(questions, [Question { table: "shop_partner".into(), rows: Rows::All }]);
}

/// Lets the models run these functions, whose fingerprints are said; a model runs those that begin with its name, and
/// those of `lino`.
fn rule(described: &mut Result<Described, String>, prints: &[(&str, &str)]) {
    let models = &mut described.as_mut().unwrap().models;
    for model in &mut models.models {
        let its = |name: &&str| name.starts_with("lino.") || name.starts_with(&model.model);
        model.rules = Some(prints.iter().map(|(name, _)| *name).filter(its).map(ToOwned::to_owned).collect());
    }
    models.rules = Some(prints.iter().map(|(name, print)| ((*name).to_owned(), (*print).to_owned())).collect());
}

#[test]
fn other_code_that_runs_for_rows_is_never_a_skip() {
    let before = [("lino.clean", "1"), ("lino.gone", "1"), ("shop.Partner.save", "1"), ("shop.Setting.clean", "1")];
    let judge = |after: &[(&str, &str)], spoil: fn(&mut Looked)| {
        let mut looked = looked();
        rule(&mut looked.before, &before);
        rule(&mut looked.after, after);
        spoil(&mut looked);
        evidence(looked, &Touched::Rows(0))
    };
    let unchanged = judge(&[("lino.clean", "1"), ("shop.Partner.save", "1"), ("shop.Setting.clean", "1")], |_| {});
    assert_eq!(told(&unchanged), (Verdict::Skip, SKIP, vec![]));

    let changed = [("lino.clean", "2"), ("lino.new", "1"), ("shop.Partner.save", "1"), ("shop.Setting.clean", "2")];
    let found = judge(&changed, |_| {});
    let sentence = "RESTORE: other code checks the rows, and only running it tells whether it refuses any.";
    let one = (Class::DataDependent, &Effect::Unknown, &[OfModels][..]);
    assert_eq!(told(&found), (Verdict::Restore, sentence, vec![one, one]));
    let said = |found: &Found| (found.difference.sentence.clone(), found.touched.clone());
    let unknown = |text: &str| Touched::Unknown(text.to_owned());
    assert_eq!(
        found.found.iter().map(said).collect::<Vec<_>>(),
        [
            (
                "2 models run other code for each row: lino.clean, lino.new.".into(),
                unknown("it may refuse any of 13 rows")
            ),
            (
                "shop.Setting runs other code for each row: shop.Setting.clean.".into(),
                unknown("it may refuse any of 3 rows")
            ),
        ]
    );

    // A table without rows has none to refuse, and one that is not dumped is not restored.
    let setting = [("lino.clean", "1"), ("shop.Partner.save", "1"), ("shop.Setting.clean", "2")];
    let empty = judge(&setting, |it| *it.rows.get_mut("shop_setting").unwrap() = 0);
    assert_eq!(empty.verdict, Verdict::Skip);

    // Facts of an older version of this program.
    let unsaid = judge(&before, |it| it.before.as_mut().unwrap().models.models[1].rules = None);
    assert_eq!(
        unsaid.found.iter().map(said).collect::<Vec<_>>(),
        [(
            "Nobody knows whether other code runs for each row of shop.Setting.".into(),
            unknown("it may refuse any of 3 rows")
        )]
    );
}

/// The same with another name for a choicelist, and with choices that the models know, or not.
fn with_another_choicelist(choices: [Option<&[&str]>; 2]) -> Looked {
    let mut looked = looked();
    let [before, after] = choices;
    for (described, (list, choices)) in
        [(&mut looked.before, ("shop.Emails", before)), (&mut looked.after, ("shop.Mails", after))]
    {
        let field = field_of(&mut described.as_mut().unwrap().models.models, 0, "email");
        field.choicelist = Some(list.into());
        field.choices = choices.map(|values| values.iter().map(|value| ((*value).into(), None)).collect());
    }
    let looked_up = |list: &str| {
        let line = format!("#    if email: email = settings.SITE.models.shop.{list}.get_by_value(email)\n");
        OLD.replace("    kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n    kw.update(email", &{
            line + "    kw = dict()\n    kw.update(id=id)\n    kw.update(name=name)\n    kw.update(email"
        })
    };
    looked.old = Ok(Script::read(&looked_up("Emails")));
    looked.new = Ok(Script::read(&looked_up("Mails").replace("1.0", "2.0")));
    looked
}

#[test]
fn another_choicelist_with_the_same_values_means_nothing() {
    let unknown = Touched::Unknown("10 rows with values that only a rehearsal can judge".into());
    let known = with_another_choicelist([Some(&["1", "2"]), Some(&["2", "1"])]);
    assert_eq!(evidence(known, &unknown).verdict, Verdict::Skip);
    let more = evidence(with_another_choicelist([Some(&["1"]), Some(&["1", "2"])]), &Touched::Rows(0));
    assert_eq!((more.verdict, more.found.len()), (Verdict::Skip, 0));
    let one: Option<&[&str]> = Some(&["1"]);
    for choices in [[one, None], [None, None], [one, Some(&[])]] {
        let found = evidence(with_another_choicelist(choices), &unknown);
        assert_eq!((found.verdict, found.found.len()), (Verdict::Restore, 1), "{choices:?}");
    }
}

#[test]
fn a_guess_of_the_scripts_is_dropped_when_the_models_know_better() {
    let rename = |target: &str| {
        let mut looked = looked();
        change(&mut looked, |models| {
            let field = field_of(models, 0, "country");
            "nation".clone_into(&mut field.name);
            "nation_id".clone_into(&mut field.attname);
            field.column = Some("nation_id".into());
            field.target = Some(target.into());
        });
        looked.new = Ok(Script::read(&OLD.replace("1.0", "2.0").replace("country_id", "nation_id")));
        evidence(looked, &Touched::Rows(4))
    };
    assert_eq!(rename("shop.Setting").renamings, []);
    let mut found = rename("shop.Partner");
    let subject = |name: &str| Subject::Field("shop.Partner".into(), name.into());
    let guesses: Vec<_> = found.renamings.iter().map(|it| (it.guess.from.clone(), it.guess.to.clone())).collect();
    assert_eq!(guesses, [(subject("country"), subject("nation"))]);
    let gone = |found: &Evidence| {
        let mut gone = found.found.iter().filter(|found| found.difference.change == Change::Removed);
        gone.next().and_then(|found| found.remedy.clone()).unwrap()
    };
    assert!(gone(&found).contains("take the line `kw.update(country_id=country_id)` out"), "{}", gone(&found));
    assert!(found.decide(0, Some(true)));
    assert!(gone(&found).starts_with("Write `nation_id=country_id` instead of `country_id=country_id` in"));
}

#[test]
fn a_field_with_one_text_per_language_has_another_line_in_the_create_function() {
    let mut looked = looked();
    for described in [&mut looked.before, &mut looked.after] {
        let models = &mut described.as_mut().unwrap().models;
        models.languages = vec!["en".into(), "de".into()];
        field_of(&mut models.models, 1, "name").babel = true;
        let german = Field { babel: true, babel_of: Some("name".into()), ..field("name_de", "varchar(40)") };
        models.models[1].fields.push(german);
    }
    change(&mut looked, |models| {
        for field in models[1].fields.iter_mut().filter(|field| field.babel) {
            field.name = field.name.replace("name", "title");
            field.attname.clone_from(&field.name);
            field.column = Some(field.name.clone());
            field.babel_of = field.babel_of.as_ref().map(|_| "title".into());
        }
    });
    let mut found = evidence(looked, &Touched::Rows(3));
    let gone = |found: &Evidence| {
        let mut gone = found.found.iter().filter(|found| found.difference.change == Change::Removed);
        gone.next().and_then(|found| found.remedy.clone()).unwrap()
    };
    let line = "take the line `if name is not None: kw.update(bv2kw('name',name))` out of create_shop_setting";
    assert!(gone(&found).contains(line), "{}", gone(&found));
    assert!(found.decide(0, Some(true)));
    assert!(gone(&found).starts_with("Write `bv2kw('title',name)` instead of `bv2kw('name',name)` in"));
}

#[test]
fn a_new_field_that_the_code_of_the_application_fills_is_for_a_rehearsal() {
    for (filled, verdict, effect) in
        [(false, Verdict::Decide, Effect::Fails(10)), (true, Verdict::Restore, Effect::Unknown)]
    {
        let mut looked = looked();
        change(&mut looked, |models| {
            models[0].fields.push(Field { filled, class: "BooleanField".into(), ..field("private", "boolean") });
        });
        let found = evidence(looked, &Touched::Rows(10));
        let private = found.found.iter().find(|found| found.difference.change == Change::Added).unwrap();
        assert_eq!((found.verdict, &private.effect, &private.touched), (verdict, &effect, &Touched::Rows(10)));
    }
}
