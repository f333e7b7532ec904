//! Reads a dump script statement by statement; every statement is either understood or kept as an edit.

use std::sync::Arc;

use foldhash::HashSet;

use super::function::{Reading, is_name};
use super::parameters::Parameters;
use super::place::{Lines, Problem};
use super::script::{CommandOption, Cycle, Edit, Handler, Import, Load, Loader, Model, Moment, Script, Tolerated};
use super::statements::{Cutter, Remarks, Statement};
use super::written;

/// Reads a script.
pub(super) fn read(text: &str) -> Script {
    let mut reader = Reader::default();
    let (mut parameters, mut places) = (Vec::new(), Vec::new());
    let mut statements = Cutter::new(text);
    let mut next = statements.next();
    // Comments that belong to a function only when more of it follows.
    let mut behind = Vec::new();
    while let Some(statement) = next {
        let Some(table) = create_table(&statement) else {
            reader.statement(&statement);
            next = statements.next();
            continue;
        };
        let mut function = Reading::new(table, &statement, &mut parameters);
        loop {
            if behind.is_empty() {
                function.stored(&mut statements);
            }
            next = statements.next();
            match next {
                Some(inside) if inside.indent > 0 => {
                    behind.drain(..).for_each(|comment| function.statement(&comment));
                    function.statement(&inside);
                }
                Some(comment) if comment.comment => behind.push(comment),
                _ => break,
            }
        }
        let (function, place, strange) = function.finish();
        reader.script.functions.push(function);
        places.push(place);
        for statement in strange {
            reader.edit(&statement);
        }
        behind.drain(..).for_each(|comment| reader.statement(&comment));
    }
    let parameters = Arc::new(parameters);
    for (function, place) in reader.script.functions.iter_mut().zip(&places) {
        function.parameters = Parameters::of(&parameters, place);
    }
    reader.finish(statements.finish())
}

/// Returns the table of a create function's first line.
fn create_table<'a>(statement: &Statement<'a>) -> Option<&'a str> {
    let rest = statement.text.strip_prefix("def create_").filter(|_| statement.indent == 0)?;
    rest.split_once('(').map(|(table, _)| table.trim_end())
}

#[derive(Default)]
struct Reader {
    script: Script,
    finalized: bool,
    started: bool,
    /// Whether the script has an `execfile` of its own, as Python 3 needs it.
    execfile: bool,
}

impl Reader {
    fn statement(&mut self, statement: &Statement<'_>) {
        let known = if statement.comment { self.comment(statement) } else { self.code(statement) };
        if known.is_none() && !written::is_written(statement) {
            self.edit(statement);
        }
    }

    fn edit(&mut self, statement: &Statement<'_>) {
        self.script.edits.push(Edit { text: statement.text.to_owned(), lines: statement.lines });
    }

    fn header(&mut self, lines: Lines) {
        let first = self.script.header.lines.map_or(lines.first, |known| known.first);
        self.script.header.lines = Some(Lines { first, last: lines.last });
    }

    /// Takes a comment; none when it says nothing that is known.
    fn comment(&mut self, statement: &Statement<'_>) -> Option<()> {
        let text = statement.text.trim_start_matches('#').trim();
        if text.is_empty() {
            return Some(());
        }
        if let Some(by) = text.strip_prefix("This is a Python dump created using ") {
            self.written_by(by, statement.lines);
            return Some(());
        }
        if let Some(rest) = text.strip_prefix("DJANGO_SETTINGS_MODULE was ") {
            let (module, zone) = rest.strip_suffix('.').unwrap_or(rest).split_once(", TIME_ZONE was ")?;
            self.script.header.settings_module = unquoted(module);
            self.script.header.time_zone = unquoted(zone);
            self.header(statement.lines);
            return Some(());
        }
        if text.starts_with("There are ") && text.ends_with("models with circular dependencies :") {
            return Some(());
        }
        if let Some(load) = load(text, statement.lines) {
            self.script.loads.push(Load { skipped: true, ..load });
            return None;
        }
        self.script.cycles.push(cycle(text, statement.lines)?);
        Some(())
    }

    fn written_by(&mut self, by: &str, lines: Lines) {
        self.script.is_dump = true;
        self.script.header.written_by = Some(by.strip_suffix('.').unwrap_or(by).to_owned());
        self.header(lines);
    }

    /// Takes a statement; none when it is not one of those that carry something.
    fn code(&mut self, statement: &Statement<'_>) -> Option<()> {
        let (text, lines) = (statement.text, statement.lines);
        if let Some(value) = text.strip_prefix("SOURCE_VERSION = ") {
            self.script.is_dump = true;
            self.script.source_version = Some(value.trim().trim_matches(['\'', '"']).to_owned());
            return unquoted(value).map(drop);
        }
        if let Some(value) = text.strip_prefix("OTHER_SOURCES = ") {
            self.script.header.other_sources = Some(value.to_owned());
            return Some(());
        }
        let second = text.starts_with("\"\"\"").then(|| text.lines().nth(1)).flatten();
        if let Some(by) = second.and_then(|line| line.strip_prefix("This is a Python dump created using ")) {
            self.written_by(by, lines);
            return Some(());
        }
        if text.starts_with("import ") || text.starts_with("from ") {
            self.script.python2 |= text.starts_with("from lino.core.dbutils import");
            if statement.indent == 0 {
                self.script.imports.push(Import { text: text.to_owned(), lines });
            }
            return None;
        }
        if let Some(names) = text.strip_prefix("return settings.SITE.babelkw(fieldname,") {
            return self.languages(names.trim_start().strip_suffix(')')?, lines);
        }
        if text.starts_with("logger = logging.getLogger('lino.") && text.ends_with(".management.commands.dump2py')") {
            return Some(());
        }
        self.marks(text);
        self.model(text, lines).or_else(|| self.main_part(text, lines))
    }

    /// Notes the statements that tell whether the script has its end, and for which Python it was written.
    fn marks(&mut self, text: &str) {
        self.finalized |= text.starts_with("loader.finalize()");
        self.started |= text.starts_with("main(") && text.ends_with(')');
        self.execfile |= text.starts_with("def execfile(");
        self.script.python2 |= text.starts_with("print '");
    }

    fn languages(&mut self, names: &str, lines: Lines) -> Option<()> {
        self.script.languages_line = Some(lines.first);
        let mut usual = true;
        for (index, pair) in names.split(',').filter(|pair| !pair.is_empty()).enumerate() {
            let (name, value) = pair.split_once('=')?;
            usual &= value == format!("values[{index}]");
            self.script.languages.push(name.trim().to_owned());
        }
        usual.then_some(())
    }

    fn model(&mut self, text: &str, lines: Lines) -> Option<()> {
        // As many as there are models, and none of them is one.
        if text.starts_with("execfile(") {
            return None;
        }
        let usual =
            text.split_once(' ').and_then(|(variable, rest)| Some((variable, rest.strip_prefix("= resolve_model(")?)));
        let (variable, call) = usual.or_else(|| text.split_once(" = resolve_model("))?;
        let name = unquoted(call.strip_suffix(')')?)?;
        let alike = |(letter, other): (u8, u8)| if letter == b'.' { other == b'_' } else { letter == other };
        let same = name.len() == variable.len() && name.bytes().zip(variable.bytes()).all(alike);
        let usual = same && is_name(variable);
        self.script.models.push(Model { name, variable: variable.to_owned(), lines });
        usual.then_some(())
    }

    fn main_part(&mut self, text: &str, lines: Lines) -> Option<()> {
        if let Some(load) = load(text, lines) {
            self.script.loads.push(load);
            return Some(());
        }
        if let Some(rest) = text.strip_prefix("raise Exception(\"The data of table ") {
            let (table, error) = rest.split_once(' ').unwrap_or((rest, ""));
            let error = error.split_once("because an error ").map_or(error, |(_, error)| error);
            let error = error.strip_suffix(" occured.\")").unwrap_or(error).trim();
            self.script.tolerated.push(Tolerated { table: table.to_owned(), text: error.to_owned(), lines });
            return Some(());
        }
        if let Some(call) = text.strip_prefix("loader = DpyLoader(") {
            let argument =
                |name| call.split([',', ')']).find_map(|part| part.trim().strip_prefix(name)).map(str::to_owned);
            self.script.loader = Some(Loader { quick: argument("quick="), strict: argument("strict="), lines });
        } else if let Some(call) = text.strip_prefix("parser.add_argument(") {
            let names = call.split(',').map_while(|part| unquoted(part.trim())).collect();
            self.script.options.push(CommandOption { names, lines });
        } else if let Some(moment) = moment(text) {
            self.script.handlers.push(Handler { moment, text: text.to_owned(), lines });
        }
        None
    }

    fn finish(mut self, remarks: Remarks) -> Script {
        let Remarks { problems, open, last_line } = remarks;
        let python2 =
            !self.execfile && self.script.imports.iter().any(|import| import.text.contains("unicode_literals"));
        let script = &mut self.script;
        script.problems = problems;
        script.python2 |= python2 && !script.loads.is_empty();
        if self.finalized && self.started {
            script.problems.extend(open);
        } else {
            let text = "the script ends before it loads and starts everything".to_owned();
            let end = || Problem { line: u64::from(last_line), column: 1, text };
            script.cut_off = Some(open.unwrap_or_else(end));
        }
        let tables: HashSet<&str> = script.functions.iter().map(|function| function.table.as_str()).collect();
        for load in &mut script.loads {
            (load.table, load.part) = table_of(&load.file, &tables);
        }
        self.script
    }
}

/// Returns the text of a plain string.
fn unquoted(text: &str) -> Option<String> {
    let text = text.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let mark = u8::try_from(quote).ok()?;
    memchr::memchr2(mark, b'\\', inner.as_bytes()).is_none().then(|| inner.to_owned())
}

/// Reads `execfile("TABLE.py", *args)`, or without the second argument before 2018.
fn load(text: &str, lines: Lines) -> Option<Load> {
    let rest = text.strip_prefix("execfile(")?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let file = rest.split(quote).nth(1)?.to_owned();
    Some(Load { file, table: String::new(), part: None, skipped: false, lines })
}

/// Reads `- app.Model (3 rows, depends on app.Other, app.Third)`.
fn cycle(text: &str, lines: Lines) -> Option<Cycle> {
    let (model, rest) = text.strip_prefix("- ")?.split_once(" (")?;
    let (rows, names) = rest.strip_suffix(')')?.split_once("depends on ")?;
    let rows = rows.split_once(" rows").and_then(|(rows, _)| rows.parse().ok());
    let depends_on = names.split(", ").map(str::to_owned).collect();
    Some(Cycle { model: model.to_owned(), rows, depends_on, lines })
}

fn moment(text: &str) -> Option<Moment> {
    let lower = text.to_ascii_lowercase();
    let moments = [
        ("before_load", Moment::BeforeLoad),
        ("after_load", Moment::AfterLoad),
        ("flush_deferred_objects", Moment::FlushDeferred),
    ];
    moments.into_iter().find(|(word, _)| lower.contains(word)).map(|(_, moment)| moment)
}

/// Returns the table of a row file: `TABLE.py`, or `TABLE_N.py` when only `TABLE` has a create function.
fn table_of(file: &str, tables: &HashSet<&str>) -> (String, Option<u32>) {
    let stem = file.strip_suffix(".py").unwrap_or(file);
    if !tables.contains(stem)
        && let Some((table, number)) = stem.rsplit_once('_')
        && tables.contains(table)
        && let Ok(part) = number.parse()
    {
        return (table.to_owned(), Some(part));
    }
    (stem.to_owned(), None)
}
