//! The dump script `restore.py`, read line by line: its version, its create functions, the row files that it loads.

/// A create function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The table in its name.
    pub table: String,
    /// Its arguments, in order.
    pub arguments: Vec<String>,
}

/// What is read from a dump script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// `SOURCE_VERSION`.
    pub source_version: Option<String>,
    /// The create functions, in order.
    pub functions: Vec<Function>,
    /// The row files that it loads, in order.
    pub files: Vec<String>,
    /// Tables that were left out because of a database error (`dump2py --tolerate`).
    pub tolerated: Vec<String>,
    /// Whether it reaches `loader.finalize()` and the part that starts it.
    pub complete: bool,
    /// Whether it says that `dump2py` wrote it.
    pub is_dump: bool,
    /// Whether it was written for Python 2.
    pub python2: bool,
}

/// Reads a dump script.
#[must_use]
pub fn read(text: &str) -> Script {
    let mut script = Script::default();
    let (mut finalized, mut started) = (false, false);
    for line in text.lines() {
        let trimmed = line.trim_start();
        if line.contains("Python dump created using dump2py") || line.starts_with("SOURCE_VERSION") {
            script.is_dump = true;
        }
        if let Some(value) = line.strip_prefix("SOURCE_VERSION = ") {
            script.source_version = Some(value.trim().trim_matches(['\'', '"']).to_owned());
        } else if let Some(rest) = line.strip_prefix("def create_") {
            if let Some((table, arguments)) = rest.split_once('(') {
                let arguments = arguments.trim_end().trim_end_matches("):");
                script.functions.push(Function {
                    table: table.to_owned(),
                    arguments: arguments.split(',').map(|name| name.trim().to_owned()).collect(),
                });
            }
        } else if let Some(rest) = trimmed.strip_prefix("execfile(") {
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
            if let Some(name) = quote.and_then(|quote| rest.split(quote).nth(1)) {
                script.files.push(name.to_owned());
            }
        } else if let Some(rest) = line.split("The data of table ").nth(1) {
            let table = rest.split(' ').next().unwrap_or_default();
            script.tolerated.push(table.to_owned());
        } else if trimmed.starts_with("loader.finalize()") {
            finalized = true;
        } else if trimmed.starts_with("main(") && line != trimmed {
            started = true;
        } else if trimmed.starts_with("print '") || line.starts_with("from lino.core.dbutils import") {
            script.python2 = true;
        }
    }
    script.complete = finalized && started;
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!/usr/bin/env python\n# This is a Python dump created using dump2py.\n\
        SOURCE_VERSION = '25.1.1'\n\ndef create_cal_guest(id, event_id):\n    kw = dict()\n    return cal_Guest(**kw)\n\n\
        def main(args):\n    loader = x\n    execfile(\"cal_guest.py\", *args)\n#    execfile(\"left_out.py\", *args)\n\
        raise Exception(\"The data of table cal_event has not been dumpedbecause an error x occured.\")\n\
        \x20   loader.finalize()\n\nif __name__ == '__main__':\n    args = parser.parse_args()\n    main(args)\n";

    #[test]
    fn a_script_is_read() {
        assert_eq!(
            read(SCRIPT),
            Script {
                source_version: Some("25.1.1".into()),
                functions: vec![Function {
                    table: "cal_guest".into(),
                    arguments: vec!["id".into(), "event_id".into()]
                }],
                files: vec!["cal_guest.py".into()],
                tolerated: vec!["cal_event".into()],
                complete: true,
                is_dump: true,
                python2: false,
            }
        );
    }

    #[test]
    fn a_script_cut_anywhere_before_its_end_is_not_complete() {
        let end = SCRIPT.find("    main(args)").unwrap();
        for cut in (0..end).filter(|cut| SCRIPT.is_char_boundary(*cut)) {
            assert!(!read(&SCRIPT[..cut]).complete, "{cut}");
        }
    }
}
