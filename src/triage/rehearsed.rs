//! What `assets/python/rehearse.py` tells, one JSON object in each line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::failure::Failure;
use crate::messages::line::plain;

/// The version of the lines that this program understands.
const FORMAT: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The site was loaded.
    Begun(Begun),
    /// The tables were made, after so many seconds.
    Prepared(f64),
    /// Why a retry loads all rows again, a sentence.
    Anew(String),
    /// Something in the dump script was too old for the packages in place, and was replaced.
    Repaired(String),
    /// A row was refused.
    Row(Box<Failure>),
    /// A row file was read to its end, in so many seconds.
    Done(String, f64),
    /// Something else than a row failed: a row file, a table, a handler.
    Broken(Broken),
    /// The rehearsal could not go on.
    Stopped(Stopped),
    /// The last line.
    Ended(Ended),
}

/// What was loaded, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Begun {
    /// Version of the lines.
    pub format: u32,
    /// Version of the application.
    pub version: String,
    /// Version of Lino.
    pub lino: String,
    /// Version of Django.
    pub django: String,
    /// Version of Python.
    pub python: String,
}

/// Something that is no row and failed; loading went on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Broken {
    /// The row file.
    pub file: Option<String>,
    /// Its line.
    pub line: Option<u64>,
    /// The table that could not be made.
    pub table: Option<String>,
    /// What the handler is called.
    pub handler: Option<String>,
    /// The class of the exception.
    pub exception: String,
    /// Its message.
    pub message: String,
    /// The traceback, for the first of its kind.
    pub traceback: Option<String>,
}

/// Why a rehearsal could not go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Stopped {
    /// The class of the exception.
    #[serde(rename = "stopped")]
    pub exception: String,
    /// Its message.
    pub message: String,
    /// The traceback.
    pub traceback: String,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Ended {
    /// Whether it came to the end of the dump script.
    pub ended: bool,
    /// Objects that were saved.
    pub loaded: u64,
    /// Objects that were saved by former rehearsals, which a retry takes over.
    #[serde(default)]
    pub kept: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// By table: rows that were read, in a retry only those that had been refused, and how many of them were refused.
    pub tables: BTreeMap<String, (u64, u64)>,
    /// How long it took.
    pub seconds: f64,
}

#[derive(Deserialize)]
struct Prepared {
    prepared: f64,
}

#[derive(Deserialize)]
struct Anew {
    anew: String,
}

#[derive(Deserialize)]
struct Repaired {
    repaired: String,
}

#[derive(Deserialize)]
struct Row {
    row: Box<Failure>,
}

#[derive(Deserialize)]
struct Done {
    done: String,
    seconds: f64,
}

impl Told {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the line.
    pub fn read(line: &str) -> Result<Self, String> {
        // What is quoted of the line may hold anything.
        let wrong = |error: serde_json::Error| {
            format!("This is no line of a rehearsal: {}.", plain(error.to_string().as_bytes()))
        };
        let whole: serde_json::Value = serde_json::from_str(line).map_err(wrong)?;
        let has = |name: &str| whole.get(name).is_some();
        // What makes each kind of line what it is.
        let told = if has("row") {
            serde_json::from_value(whole).map(|Row { row }| Self::Row(row))
        } else if has("done") {
            serde_json::from_value(whole).map(|Done { done, seconds }| Self::Done(done, seconds))
        } else if has("format") {
            serde_json::from_value(whole).map(Self::Begun)
        } else if has("prepared") {
            serde_json::from_value(whole).map(|Prepared { prepared }| Self::Prepared(prepared))
        } else if has("anew") {
            serde_json::from_value(whole).map(|Anew { anew }| Self::Anew(anew))
        } else if has("repaired") {
            serde_json::from_value(whole).map(|Repaired { repaired }| Self::Repaired(repaired))
        } else if has("stopped") {
            serde_json::from_value(whole).map(Self::Stopped)
        } else if has("ended") {
            serde_json::from_value(whole).map(Self::Ended)
        } else {
            serde_json::from_value(whole).map(Self::Broken)
        };
        match told.map_err(wrong)? {
            Self::Begun(begun) if begun.format != FORMAT => {
                Err(format!("The rehearsal speaks format {}, and this program {FORMAT}.", begun.format))
            }
            told => Ok(told),
        }
    }
}

/// Everything that a rehearsal told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsed {
    /// What was loaded, and with what; none when the site could not be loaded.
    pub begun: Option<Begun>,
    /// Why a retry loaded all rows again; none when it did not, and in a whole rehearsal.
    pub anew: Option<String>,
    /// What was replaced in the dump script.
    pub repaired: Vec<String>,
    /// Rows that were refused, by file and line.
    pub failures: Vec<Failure>,
    /// What else failed.
    pub broken: Vec<Broken>,
    /// Seconds by row file.
    pub seconds: BTreeMap<String, f64>,
    /// Why it could not go on.
    pub stopped: Option<Stopped>,
    /// How it ended; none when it was killed.
    pub ended: Option<Ended>,
}

impl Ended {
    /// Counts the objects that are in the scratch database.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.loaded.saturating_add(self.kept)
    }
}

impl Rehearsed {
    /// Takes the next line.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the line.
    pub fn take(&mut self, line: &str) -> Result<(), String> {
        match Told::read(line)? {
            Told::Begun(begun) => self.begun = Some(begun),
            Told::Prepared(_) => {}
            Told::Anew(why) => self.anew = Some(why),
            Told::Repaired(what) => self.repaired.push(what),
            Told::Row(failure) => self.failures.push(*failure),
            Told::Done(file, seconds) => drop(self.seconds.insert(file, seconds)),
            Told::Broken(broken) => self.broken.push(broken),
            Told::Stopped(stopped) => self.stopped = Some(stopped),
            Told::Ended(ended) => self.ended = Some(ended),
        }
        Ok(())
    }

    /// Tells whether every row of the snapshot was loaded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let ended = self.ended.as_ref().is_some_and(|ended| ended.ended && ended.refused == 0);
        ended && self.failures.is_empty() && self.broken.is_empty() && self.stopped.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::{Phase, Point};
    use super::*;

    const LINES: [&str; 8] = [
        r#"{"format": 1, "script": "/s/restore.py", "lino": "26.10.8", "django": "5.2.19", "version": "2.0", "python": "3.11.2"}"#,
        r#"{"anew": "The snapshot is another one."}"#,
        r#"{"prepared": 0.5}"#,
        r#"{"repaired": "the package six is not installed"}"#,
        r#"{"file": "shop_note.py", "line": 3, "exception": "SyntaxError", "message": "invalid", "traceback": null}"#,
        r#"{"done": "shop_note.py", "seconds": 0.25}"#,
        r#"{"row": {"model": "shop.Sale", "phase": "save", "exception": "E", "messages": {"partner": ["gone"]},
            "object": "Sale 7", "key": "7", "points": [["partner", "shop.Partner", "3"]], "table": "shop_sale",
            "file": "shop_sale.py", "line": 9}}"#,
        r#"{"ended": true, "loaded": 10, "kept": 4, "refused": 1, "tables": {"shop_sale": [11, 1]}, "seconds": 2.5}"#,
    ];

    #[test]
    fn all_lines_of_a_rehearsal_are_understood() {
        let mut rehearsed = Rehearsed::default();
        for line in LINES {
            rehearsed.take(line).unwrap();
        }
        let failure = Failure {
            model: Some("shop.Sale".into()),
            table: "shop_sale".into(),
            key: "7".into(),
            file: "shop_sale.py".into(),
            line: 9,
            phase: Phase::Save,
            exception: "E".into(),
            messages: BTreeMap::from([("partner".into(), vec!["gone".into()])]),
            object: Some("Sale 7".into()),
            points: vec![Point("partner".into(), "shop.Partner".into(), "3".into())],
            traceback: None,
            forbidden: false,
        };
        let expected = Rehearsed {
            begun: Some(Begun {
                format: 1,
                version: "2.0".into(),
                lino: "26.10.8".into(),
                django: "5.2.19".into(),
                python: "3.11.2".into(),
            }),
            anew: Some("The snapshot is another one.".into()),
            repaired: vec!["the package six is not installed".into()],
            failures: vec![failure],
            broken: vec![Broken {
                file: Some("shop_note.py".into()),
                line: Some(3),
                exception: "SyntaxError".into(),
                message: "invalid".into(),
                ..Broken::default()
            }],
            seconds: BTreeMap::from([("shop_note.py".into(), 0.25)]),
            stopped: None,
            ended: Some(Ended {
                ended: true,
                loaded: 10,
                kept: 4,
                refused: 1,
                tables: BTreeMap::from([("shop_sale".into(), (11, 1))]),
                seconds: 2.5,
            }),
        };
        assert_eq!(rehearsed, expected);
        assert!(!rehearsed.is_clean());
    }

    #[test]
    fn other_lines_are_refused_with_a_reason() {
        let told = |line: &str| Told::read(line).unwrap_err();
        assert!(told("Loading 3 objects").starts_with("This is no line of a rehearsal: expected value"));
        assert!(told("{}").starts_with("This is no line of a rehearsal: missing field"));
        assert!(told(r#"{"row": {"phase": "\u001b[31m\n"}}"#).contains("unknown variant ` `"));
        assert_eq!(
            told(r#"{"format": 2, "lino": "", "django": "", "version": "", "python": ""}"#),
            "The rehearsal speaks format 2, and this program 1."
        );
    }
}
