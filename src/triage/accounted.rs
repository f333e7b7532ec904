//! What became of the rows of a snapshot, held against the decisions: which missing rows were left out by which of them.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::decision::{Choice, Decision, Decisions, Scope};
use super::fit::table_of;
use crate::dump::Script;
use crate::dump::account::{Account, Pk, TableAccount};
use crate::messages::line::plain;

/// Keys that are named of each table.
const NAMED: usize = 20;

/// Where the rows of a snapshot went. Keys and fields only: no value of a row is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounted {
    /// Rows that are there with equal values.
    pub equal: u64,
    /// Of these, those in which only values differ that Lino itself changes.
    pub by_lino: u64,
    /// Rows that are there with other values.
    pub changed: u64,
    /// Rows that are not there, and it is known why.
    pub explained: u64,
    /// Rows that are not there, and no decision explains it.
    pub missing: u64,
    /// Rows that the snapshot does not have.
    pub new: u64,
    /// Rows that could not be read, and other problems.
    pub unreadable: u64,
    /// The tables of which there is more to say than how many rows are equal.
    pub tables: Vec<AccountedTable>,
}

/// The same of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountedTable {
    /// Its name.
    pub table: String,
    /// Rows with other values.
    pub changed: u64,
    /// In how many rows each field changed.
    pub fields: BTreeMap<String, u64>,
    /// The decisions that change these fields, by their numbers from 1.
    pub changed_by: Vec<usize>,
    /// Fields that are gone, with the number of rows that had a value there; without those that a decision speaks of.
    pub fields_gone: BTreeMap<String, u64>,
    /// Rows that are missing, and why.
    pub explained: Vec<Explained>,
    /// Rows that are missing, and no decision explains it.
    pub missing: u64,
    /// The keys of the first of them.
    pub missing_keys: Vec<String>,
    /// Rows that are new.
    pub new: u64,
    /// What Lino itself changed: why, and in how many values.
    pub lino: BTreeMap<String, u64>,
}

/// Why rows are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explained {
    /// The decision, by its number from 1; none when something else explains it.
    pub decision: Option<usize>,
    /// How many rows.
    pub rows: u64,
    /// Why: what the decision says of it, or a sentence.
    pub because: String,
}

/// Rows that are missing without a decision, by table: all their keys.
pub type Lost = BTreeMap<String, Vec<String>>;

/// Holds an account against decisions. `script` is the dump script of the first dump.
#[must_use]
pub fn accounted(account: &Account, decisions: &Decisions, script: &Script) -> (Accounted, Lost) {
    let tables: Vec<Option<String>> =
        decisions.iter().map(|decision| table_of(script, decisions, &decision.model)).collect();
    let mut by_table: BTreeMap<&str, Vec<(usize, &Decision)>> = BTreeMap::new();
    for ((number, decision), table) in (1..).zip(decisions.iter()).zip(&tables) {
        if let Some(table) = table {
            by_table.entry(table).or_default().push((number, decision));
        }
    }
    let mut found = Accounted {
        equal: account.equal,
        by_lino: account.by_lino,
        changed: account.changed,
        new: account.new,
        unreadable: account.unreadable.iter().sum::<u64>() + account.problems.len() as u64,
        ..Accounted::default()
    };
    let mut lost = Lost::new();
    for table in &account.tables {
        let decided = by_table.get(table.table.as_str()).map_or(&[][..], Vec::as_slice);
        let (told, left) = of_table(table, decided);
        found.explained += told.explained.iter().map(|explained| explained.rows).sum::<u64>();
        found.missing += told.missing;
        if !left.is_empty() {
            lost.insert(table.table.clone(), left);
        }
        if told != (AccountedTable { table: table.table.clone(), ..AccountedTable::default() }) {
            found.tables.push(told);
        }
    }
    (found, lost)
}

fn of_table(table: &TableAccount, decided: &[(usize, &Decision)]) -> (AccountedTable, Vec<String>) {
    let (explained, left) = explained(table, decided);
    let speaks_of = |decision: &Decision, field: &str| {
        let plain = field.strip_suffix("_id").unwrap_or(field);
        let mut fields = decision.choice.values();
        fields.extend(decision.choice.places());
        fields.iter().any(|name| *name == field || *name == plain)
    };
    let changed_by = decided.iter().filter(|(_, decision)| table.fields.keys().any(|field| speaks_of(decision, field)));
    // Of rows that are all left out, no value is lost besides.
    let is_there = table.equal + table.changed > 0;
    let gone = table.fields_gone.iter().filter(|(field, rows)| {
        is_there && **rows > 0 && !decided.iter().any(|(_, decision)| speaks_of(decision, field))
    });
    let told = AccountedTable {
        table: table.table.clone(),
        changed: table.changed,
        fields: table.fields.clone(),
        changed_by: changed_by.map(|(number, _)| *number).collect(),
        fields_gone: gone.map(|(field, rows)| (field.clone(), *rows)).collect(),
        explained,
        missing: left.len() as u64,
        missing_keys: left.iter().take(NAMED).cloned().collect(),
        new: table.new,
        lino: table.lino.iter().map(|(reason, by)| (reason.words().to_owned(), by.values().sum())).collect(),
    };
    (told, left)
}

/// Explains the missing rows of a table, and returns the keys of those that nothing explains.
fn explained(table: &TableAccount, decided: &[(usize, &Decision)]) -> (Vec<Explained>, Vec<String>) {
    let mut left: Vec<String> = table.missing_pks.iter().map(Pk::to_string).collect();
    let mut found = Vec::new();
    for (number, decision) in decided {
        let before = left.len();
        match (&decision.choice, &decision.rows) {
            (Choice::LeaveOut, Scope::All(_)) => left.clear(),
            (Choice::LeaveOut, Scope::These(keys)) => {
                let keys: HashSet<&str> = keys.iter().map(String::as_str).collect();
                left.retain(|key| !keys.contains(key.as_str()));
            }
            // Its rows are in the other table.
            (Choice::Rename(_), _) if table.same_keys_as.is_some() => left.clear(),
            _ => continue,
        }
        let rows = (before - left.len()) as u64;
        if rows > 0 {
            let because = plain(decision.because.replace('\n', " ").as_bytes()).into_owned();
            found.push(Explained { decision: Some(*number), rows, because });
        }
    }
    let moved = table
        .same_keys_as
        .as_ref()
        .map(|other| format!("They are in {} now, which has the same keys.", plain(other.as_bytes())));
    if let Some(because) = moved.or_else(|| table.explained.clone())
        && !left.is_empty()
    {
        found.push(Explained { decision: None, rows: left.len() as u64, because });
        left.clear();
    }
    (found, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
# This is a Python dump created using dump2py.
SOURCE_VERSION = '1.0'
shop_Note = resolve_model(\"shop.Note\")
shop_Partner = resolve_model(\"shop.Partner\")
shop_Setting = resolve_model(\"shop.Setting\")
def create_shop_note(id, text):
    kw = dict()
    kw.update(id=id)
    return shop_Note(**kw)

def create_my_partner(id, name, vat_id):
    kw = dict()
    kw.update(id=id)
    return shop_Partner(**kw)

def create_shop_setting(id, name):
    kw = dict()
    kw.update(id=id)
    return shop_Setting(**kw)

def main(args):
    loader = DpyLoader(globals(), quick=args.quick)
";

    fn missing(table: &str, keys: &[i64]) -> TableAccount {
        TableAccount {
            table: table.into(),
            missing: keys.len() as u64,
            missing_pks: keys.iter().map(|key| Pk::Number(*key)).collect(),
            ..TableAccount::default()
        }
    }

    fn decisions(list: &[(&str, Scope, Choice)]) -> Decisions {
        let mut decisions = Decisions::default();
        let list = list.iter().map(|(model, rows, choice)| Decision {
            model: (*model).into(),
            rows: rows.clone(),
            choice: choice.clone(),
            because: "no\u{1b}[2J good".into(),
        });
        decisions.add(list).unwrap();
        decisions
    }

    fn these(keys: &[&str]) -> Scope {
        Scope::These(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn held(account: TableAccount, list: &[(&str, Scope, Choice)]) -> (Accounted, Lost) {
        accounted(&Account::of(vec![account]), &decisions(list), &Script::read(SCRIPT))
    }

    fn why(decision: usize, rows: u64) -> Explained {
        Explained { decision: Some(decision), rows, because: "no good".into() }
    }

    #[test]
    fn rows_that_were_left_out_are_explained_and_others_are_named() {
        let taken = [
            ("shop.Note", these(&["3"]), Choice::LeaveOut),
            ("shop.Partner", these(&["1", "9"]), Choice::LeaveOut),
            ("shop.Partner", these(&["2"]), Choice::Empty(vec!["vat_id".into()])),
        ];
        let (found, lost) = held(missing("my_partner", &[1, 2, 3]), &taken);
        let table = AccountedTable {
            table: "my_partner".into(),
            explained: vec![why(2, 1)],
            missing: 2,
            missing_keys: vec!["2".into(), "3".into()],
            ..AccountedTable::default()
        };
        assert_eq!(found, Accounted { explained: 1, missing: 2, tables: vec![table], ..Accounted::default() });
        assert_eq!(lost, Lost::from([("my_partner".to_owned(), vec!["2".to_owned(), "3".to_owned()])]));
    }

    #[test]
    fn a_table_that_was_left_out_renamed_or_is_explained_lacks_nothing() {
        let all = Scope::All(2);
        let left_out = held(missing("shop_note", &[1, 2]), &[("shop_note", all.clone(), Choice::LeaveOut)]);
        let moved = TableAccount { same_keys_as: Some("shop_option".into()), ..missing("shop_setting", &[1, 2]) };
        let renamed = held(moved.clone(), &[("shop.Setting", all.clone(), Choice::Rename("shop.Option".into()))]);
        let guessed = held(moved, &[]);
        let known =
            TableAccount { explained: Some("Lino dumps them no more.".into()), ..missing("shop_note", &[1, 2]) };
        let known = held(known, &[]);
        // A model that is called otherwise, and whose rows are nowhere.
        let nowhere = held(missing("shop_setting", &[1, 2]), &[("shop.Setting", all, Choice::Rename("a.B".into()))]);
        let other = |because: &str| Explained { decision: None, rows: 2, because: because.into() };
        let reasons = |(found, lost): (Accounted, Lost)| (found.missing, lost.len(), found.tables[0].explained.clone());
        assert_eq!(reasons(left_out), (0, 0, vec![why(1, 2)]));
        assert_eq!(reasons(renamed), (0, 0, vec![why(1, 2)]));
        assert_eq!(reasons(guessed), (0, 0, vec![other("They are in shop_option now, which has the same keys.")]));
        assert_eq!(reasons(known), (0, 0, vec![other("Lino dumps them no more.")]));
        assert_eq!(reasons(nowhere), (2, 1, vec![]));
    }

    #[test]
    fn changes_are_told_with_the_decisions_that_make_them() {
        let table = TableAccount {
            table: "my_partner".into(),
            equal: 5,
            changed: 2,
            fields: BTreeMap::from([("vat_id".into(), 2)]),
            fields_gone: BTreeMap::from([("email".into(), 3), ("fax".into(), 0), ("phone".into(), 1)]),
            ..TableAccount::default()
        };
        let list = [
            ("shop.Partner", these(&["2"]), Choice::Empty(vec!["vat_id".into()])),
            ("shop.Partner", Scope::All(7), Choice::Drop(vec!["email".into()])),
        ];
        let (found, _) = held(table, &list);
        let expected = AccountedTable {
            table: "my_partner".into(),
            changed: 2,
            fields: BTreeMap::from([("vat_id".into(), 2)]),
            changed_by: vec![1],
            fields_gone: BTreeMap::from([("phone".into(), 1)]),
            ..AccountedTable::default()
        };
        assert_eq!(found, Accounted { equal: 5, changed: 2, tables: vec![expected], ..Accounted::default() });
    }
}
