//! Failures from logs: what real releases print, fed line by line.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::messages::{Ended, Refusals, RestoreLog};

fn refusals(log: &str, code: i32) -> Refusals {
    let mut restore = RestoreLog::default();
    log.lines().for_each(|line| restore.feed_line(line));
    restore.finish(Some(Ended::Exited { code }))
}

fn tables(models: &[&str]) -> Tables {
    let table = |model: &str| model.replace('.', "_").to_lowercase();
    Tables {
        of_model: models.iter().map(|model| ((*model).to_owned(), table(model))).collect(),
        models: models.iter().map(|model| (table(model), (*model).to_owned())).collect(),
        depends_on: BTreeMap::new(),
        files: models.iter().map(|model| (format!("{}.py", table(model)), table(model))).collect(),
    }
}

/// A row: its key, and what its fields point to.
type GivenRow<'a> = (&'a str, &'a [(&'a str, &'a str)]);
/// Rows of a table.
type Given<'a> = (&'a str, &'a [GivenRow<'a>]);

fn rows(given: &[Given<'_>]) -> Rows {
    let mut found = Rows::default();
    for (table, rows) in given {
        let one = |(line, (key, points)): (u64, &GivenRow<'_>)| {
            let points = points.iter().map(|(field, value)| ((*field).to_owned(), None, (*value).to_owned())).collect();
            let row = Found { file: format!("{table}.py"), line, key: String::new(), points };
            ((*key).to_owned(), row)
        };
        let rows: HashMap<String, Found> = (4..).zip(rows.iter()).map(one).collect();
        found.by_key.insert((*table).to_owned(), rows);
    }
    found
}

/// Model, key, file and line, messages, points, class of the exception.
fn told(logged: &Logged) -> Vec<String> {
    let one = |failure: &Failure| {
        let said: Vec<String> =
            failure.messages.iter().map(|(field, text)| format!("{field}={}", text.join("|"))).collect();
        let points: Vec<String> =
            failure.points.iter().map(|point| format!("{}→{} {}", point.0, point.1, point.2)).collect();
        let exception = failure.exception.rsplit('.').next().unwrap();
        let (model, key) = (failure.model_or_table(), &failure.key);
        format!("{model} {key} {}:{} {exception} {} [{}]", failure.file, failure.line, said.join(" "), points.join(" "))
    };
    logged.failures.iter().map(one).collect()
}

const OLD: &str = "Source version is 2.0 : no migration needed
`initdb ` started on database default.db.
Loading 2 objects to table a_partner...
Deferred Partner #1 ('Mägi') : {'name': ['Too long.']}
{'name': ['Too long.']}
Traceback (most recent call last):
  File \"/e/dpy.py\", line 143, in try_save
    obj.full_clean()
django.core.exceptions.ValidationError: {'name': ['Too long.']}
Loading 3 objects to table a_sale...
Deferred Sale #5 ('Sale 5') : UNIQUE constraint failed: a_sale.ref
UNIQUE constraint failed: a_sale.ref
Traceback (most recent call last):
  File \"/e/dpy.py\", line 150, in try_save
    obj.save()
django.db.utils.IntegrityError: UNIQUE constraint failed: a_sale.ref
Abandoning with 6 unsaved instances:
- a.Partner {'name': ['Too long.']} (1 object(s) with primary key 1)
- a.Sale {'client': ['Geschäftspartner-Instanz mit id 1 existiert nicht.']} (2 object(s) with primary key 7, 8)
- a.Sale UNIQUE constraint failed: a_sale.ref (1 object(s) with primary key 5)
- a.Note {'sale': ['sale instance with id 7 is not a valid choice.']} (2 object(s) with primary key x, y, z)
Loaded 3 objects
Done manage.py run snapshot/restore.py (PID 1)";

#[test]
fn rows_are_led_by_values_over_several_levels_whatever_the_language() {
    let refusals = refusals(OLD, 0);
    let tables = tables(&["a.Partner", "a.Sale", "a.Note", "a.Country"]);
    let wanted = wanted(&refusals, &tables);
    let mut keys: Vec<&str> = wanted.keys["a_note"].iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["x", "x, y", "y", "y, z", "z"]);
    let rows = rows(&[
        ("a_partner", &[("1", &[])]),
        ("a_sale", &[("5", &[("client", "3")]), ("7", &[("client", "1")]), ("8", &[("client", "1")])]),
        ("a_note", &[("x, y", &[("sale", "7")]), ("z", &[("sale", "7")])]),
    ]);
    let logged = failures(&refusals, &tables, &rows);
    assert_eq!(
        told(&logged),
        [
            "a.Note x, y a_note.py:4 ValidationError sale=sale instance with id 7 is not a valid choice. [sale→a.Sale 7]",
            "a.Note z a_note.py:5 ValidationError sale=sale instance with id 7 is not a valid choice. [sale→a.Sale 7]",
            "a.Partner 1 a_partner.py:4 ValidationError name=Too long. []",
            "a.Sale 5 a_sale.py:4 IntegrityError =UNIQUE constraint failed: a_sale.ref [client→a.Partner 3]",
            "a.Sale 7 a_sale.py:5 ValidationError client=Geschäftspartner-Instanz mit id 1 existiert nicht. [client→a.Partner 1]",
            "a.Sale 8 a_sale.py:6 ValidationError client=Geschäftspartner-Instanz mit id 1 existiert nicht. [client→a.Partner 1]",
        ]
    );
    assert_eq!((logged.fatal, logged.missing, logged.unknown_models.len()), (None, 0, 0));
    assert_eq!(logged.failures[2].object.as_deref(), Some("Mägi"));
    assert!(logged.failures[2].traceback.as_ref().unwrap().ends_with("ValidationError: {'name': ['Too long.']}"));
    let causes = Causes::of(logged.failures);
    let of_their_own: Vec<(&str, usize, usize)> =
        causes.causes.iter().map(|cause| (cause.model.as_str(), cause.rows.len(), cause.follow)).collect();
    assert_eq!(of_their_own, [("a.Partner", 1, 4), ("a.Sale", 1, 0)]);
}

#[test]
fn rows_that_are_not_in_the_snapshot_and_unknown_models_are_told() {
    let refusals = refusals(OLD, 0);
    let logged = failures(&refusals, &tables(&["a.Partner", "a.Sale"]), &Rows::default());
    assert_eq!((logged.missing, logged.unknown_models.clone()), (7, vec!["a.Note".to_owned()]));
    assert!(logged.failures.iter().all(|failure| failure.line == 0 && failure.file.is_empty()));
}

const CRASH: &str = "Loading 20 objects to table a_partner...
Traceback (most recent call last):
  File \"/srv/manage.py\", line 6, in <module>
    execute_from_command_line(sys.argv)
  File \"snapshot/restore.py\", line 186, in <module>
  File \"a_partner.py\", line 9, in <module>
    loader.save(create_a_partner(6,'x'))
  File \"snapshot/restore.py\", line 93, in create_a_partner
TypeError: Partner() got unexpected keyword arguments: 'email'
Done manage.py run snapshot/restore.py --noinput (PID 5481)";

#[test]
fn the_row_at_which_a_restore_ended_is_told_by_its_traceback() {
    let refusals = refusals(CRASH, 1);
    let tables = tables(&["a.Partner"]);
    assert_eq!(wanted(&refusals, &tables).place, Some(("a_partner.py".to_owned(), 9)));
    let at = Found { file: "a_partner.py".into(), line: 9, key: "6".into(), points: Vec::new() };
    let logged = failures(&refusals, &tables, &Rows { at_place: Some(at), ..Rows::default() });
    let expected = "a.Partner 6 a_partner.py:9 TypeError =Partner() got unexpected keyword arguments: 'email' []";
    assert_eq!((told(&logged), logged.fatal), (vec![expected.to_owned()], Some(0)));
    assert_eq!(logged.failures[0].phase, Phase::Create);
}

const LOG_FILE: &str =
    "202611-21 20:00:00 INFO [lino 11 1] : Started manage.py run snapshot/restore.py (using settings) --> PID 11
202611-21 20:00:01 INFO [lino 11 1] : Loading 1 objects to table a_old...
202611-21 20:00:01 INFO [lino 11 1] : Deferred Old #9 ('x') : {'name': ['Long ago.']}
202611-21 20:00:02 INFO [lino 22 1] : Started manage.py run snapshot/restore.py --noinput (using settings) --> PID 22
202611-21 20:00:03 INFO [lino 22 1] : Loading 3 objects to table a_partner...
202611-21 20:00:04 INFO [lino 33 1] : Deferred Partner #4 ('of another process') : {'name': ['No.']}
202611-21 20:00:05 INFO [lino 22 1] : Deferred Partner #1 ('A') : [\"A : {'name': ['Too long.']}\"]
202611-21 20:00:05 INFO [lino 22 1] : Trying to save 2 deferred objects.
202611-21 20:00:05 INFO [lino 22 1] : Deferred Partner #2 ('B') : [\"B : {'name': ['Too long.']}\"]
202611-21 20:00:06 INFO [lino 22 1] : Deferred Partner #3 (\"C's\") : [\"C's : {'name': ['Too long.']}\"]
202611-21 20:00:06 INFO [lino 22 1] : Saved 0 objects.
202611-21 20:00:07 INFO [lino 22 1] : Done manage.py run snapshot/restore.py --noinput (PID 22)";

#[test]
fn in_a_log_file_the_last_restore_counts_and_only_its_own_lines() {
    let mut restore = RestoreLog::default();
    LOG_FILE.lines().for_each(|line| restore.feed_line(line));
    let refusals = restore.finish(None);
    assert_eq!((refusals.waiting, refusals.breaks_off), (2, false));
    let rows = rows(&[("a_partner", &[("2", &[]), ("3", &[])])]);
    let logged = failures(&refusals, &tables(&["a.Partner", "a.Old"]), &rows);
    let expected = [
        "a.Partner 2 a_partner.py:4 ValidationError name=Too long. []",
        "a.Partner 3 a_partner.py:5 ValidationError name=Too long. []",
    ];
    assert_eq!(told(&logged), expected);
    assert_eq!(logged.failures[1].object.as_deref(), Some("C's"));
}
