//! Create functions: what they take, what becomes of each field, and what a hand has changed in them.

use compact_str::CompactString;

use super::literal;
use super::place::Lines;
use super::statements::Statement;

/// A function that makes one row into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The table in its name.
    pub table: String,
    /// The variable of the model that it builds, `contacts_Person`; none when its last line says nothing of the kind.
    pub model: Option<String>,
    /// The variable of the parent, when the model inherits from a table of its own.
    pub parent: Option<String>,
    /// What it takes, in order.
    pub parameters: Vec<Parameter>,
    /// Its lines.
    pub lines: Lines,
    /// Whether it has lines that `dump2py` does not write, or lacks one that it writes.
    pub edited: bool,
}

/// A field, as the create function knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name of its column. A script may have a hundred thousand, nearly all short: those need no memory elsewhere.
    pub name: CompactString,
    /// The line of the signature that has it.
    pub line: u32,
    /// What becomes of its value.
    pub conversion: Conversion,
    /// The line that converts it, when one does.
    pub converted: Option<u32>,
    /// The line that gives it to the model; none when it is dropped.
    pub stored: Option<u32>,
}

/// What a create function does with a value before the model gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing: numbers, texts, times, durations and JSON look alike here.
    #[default]
    Plain,
    /// The text of a decimal number.
    Decimal,
    /// The value of a choice.
    Choice {
        /// The choicelist, `accounting.CommonAccounts`.
        list: Box<str>,
        /// Whether the function looks it up; a comment only since 2018.
        looked_up: bool,
    },
    /// A model, which becomes the key of its content type.
    ContentType,
    /// A list of texts, one for each language.
    Babel,
    /// The key of the parent's row.
    ParentLink,
}

impl Function {
    /// Returns a parameter by name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Returns the position of a parameter, which is that of its value in a row.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }
}

/// Reads a create function; returns it with the statements in it that `dump2py` does not write.
pub(super) fn read<'a>(table: &str, head: &Statement<'a>, body: &[Statement<'a>]) -> (Function, Vec<Statement<'a>>) {
    let (parameters, plain) = signature(head);
    let last = body.last().map_or(head.lines.last, |statement| statement.lines.last);
    let lines = Lines { first: head.lines.first, last };
    let function = Function { table: table.to_owned(), model: None, parent: None, parameters, lines, edited: false };
    let mut reading = Reading { function, expected: 0 };
    let mut strange: Vec<Statement<'a>> = if plain { Vec::new() } else { vec![*head] };
    strange.extend(body.iter().filter(|statement| reading.line(statement).is_none()));
    let mut function = reading.function;
    let dropped = function.parameters.iter().any(|parameter| parameter.stored.is_none());
    function.edited = !strange.is_empty() || dropped || function.model.is_none();
    (function, strange)
}

/// Reads the parameters, and tells whether the signature is one that `dump2py` writes.
fn signature(head: &Statement<'_>) -> (Vec<Parameter>, bool) {
    let open = head.text.find('(').map_or(head.text.len(), |at| at + 1);
    let rest = head.text.get(open..).unwrap_or_default();
    let inner = rest.rfind(')').and_then(|close| rest.get(..close)).unwrap_or(rest);
    let mut plain = rest.strip_prefix(inner) == Some("):") && head.lines.first == head.lines.last;
    let mut parameters = Vec::with_capacity(memchr::memchr_iter(b',', inner.as_bytes()).count() + 1);
    let (mut counted, mut line) = (0, head.lines.first);
    for raw in literal::arguments(inner.as_bytes()) {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        let end = memchr::memchr2(b'=', b':', raw).unwrap_or(raw.len());
        let name = text.get(..end).unwrap_or_default().trim();
        plain &= name == text && !name.starts_with('*');
        if name.is_empty() {
            continue;
        }
        if head.lines.first != head.lines.last {
            let before = raw.as_ptr().addr().saturating_sub(head.text.as_ptr().addr());
            let breaks = head.text.get(counted..before).map_or(0, |text| text.matches('\n').count());
            line += u32::try_from(breaks).unwrap_or_default();
            counted = before;
        }
        parameters.push(Parameter {
            name: name.into(),
            line,
            conversion: Conversion::default(),
            converted: None,
            stored: None,
        });
    }
    (parameters, plain)
}

/// A create function while its body is read.
struct Reading {
    function: Function,
    /// The position of the parameter that probably comes next: `dump2py` stores them in their order.
    expected: usize,
}

impl Reading {
    /// Takes what a statement of the body says; none when `dump2py` does not write it.
    fn line(&mut self, statement: &Statement<'_>) -> Option<()> {
        let line = statement.lines.first;
        if statement.lines.first != statement.lines.last {
            return None;
        }
        if statement.comment {
            return self.comment(statement.text.strip_prefix('#')?.trim_start(), line);
        }
        let text = statement.text;
        if text == "kw = dict()" {
            Some(())
        } else if let Some(rest) = text.strip_prefix("return ") {
            self.returns(rest, line)
        } else if let Some(pair) = text.strip_prefix("kw.update(").and_then(|rest| rest.strip_suffix(')')) {
            self.named(passed_on(pair)?)?.stored = Some(line);
            Some(())
        } else {
            self.converts(text, line, true)
        }
    }

    /// Takes a line that `dump2py` writes as a comment.
    fn comment(&mut self, text: &str, line: u32) -> Option<()> {
        text.contains(".get_by_value(").then(|| self.converts(text, line, false))?
    }

    fn converts(&mut self, text: &str, line: u32, looked_up: bool) -> Option<()> {
        let (name, conversion) = conversion(text, looked_up)?;
        let parameter = self.named(name)?;
        if conversion == Conversion::Babel {
            parameter.stored = Some(line);
        }
        parameter.conversion = conversion;
        parameter.converted = Some(line);
        Some(())
    }

    fn named(&mut self, name: &str) -> Option<&mut Parameter> {
        let parameters = &mut self.function.parameters;
        let has_name = |parameter: &Parameter| parameter.name == name;
        if !parameters.get(self.expected).is_some_and(has_name) {
            self.expected = parameters.iter().position(has_name)?;
        }
        let found = parameters.get_mut(self.expected);
        self.expected += 1;
        found
    }

    fn returns(&mut self, text: &str, line: u32) -> Option<()> {
        let (callee, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        if callee != "create_mti_child" {
            self.function.model = (inner == "**kw" && is_name(callee)).then(|| callee.to_owned());
            return self.function.model.is_some().then_some(());
        }
        let mut arguments = inner.split(',').map(str::trim);
        let (parent, pointer, model) = (arguments.next()?, arguments.next()?, arguments.next()?);
        let parameter = self.named(pointer)?;
        (parameter.conversion, parameter.converted, parameter.stored) =
            (Conversion::ParentLink, Some(line), Some(line));
        self.function.parent = Some(parent.to_owned());
        self.function.model = Some(model.to_owned());
        for argument in arguments.filter(|argument| *argument != "**kw") {
            self.named(passed_on(argument)?)?.stored = Some(line);
        }
        Some(())
    }
}

/// Reads a line that converts a value: the name and what becomes of it.
fn conversion(text: &str, looked_up: bool) -> Option<(&str, Conversion)> {
    let Some(rest) = text.strip_prefix("if ") else {
        let (name, rest) = text.split_once(" = new_content_type_id(")?;
        return (rest.strip_suffix(')')? == name).then_some((name, Conversion::ContentType));
    };
    if let Some((name, rest)) = rest.split_once(" is not None: ") {
        let babel = rest.strip_prefix("kw.update(bv2kw(").and_then(|inner| inner.strip_suffix("))"));
        if babel.is_some_and(|inner| names_twice(inner, name)) {
            return Some((name, Conversion::Babel));
        }
        let decimal = rest.strip_prefix(name)?.strip_prefix(" = Decimal(")?.strip_suffix(')')?;
        return (decimal == name).then_some((name, Conversion::Decimal));
    }
    let (name, rest) = rest.split_once(": ")?;
    let call = rest.strip_prefix(name)?.strip_prefix(" = settings.SITE.")?;
    let path = call.strip_prefix("models.").or_else(|| call.strip_prefix("modules."))?;
    let (list, value) = path.split_once(".get_by_value(")?;
    (value.strip_suffix(')')? == name).then(|| (name, Conversion::Choice { list: list.into(), looked_up }))
}

/// Returns the name of an argument that has the value of the same name: `NAME=NAME`.
fn passed_on(argument: &str) -> Option<&str> {
    let (name, value) = argument.split_at_checked(argument.len() / 2)?;
    (value.strip_prefix('=') == Some(name)).then_some(name)
}

/// Tells whether `inner` is the name as a string, a comma and the name.
fn names_twice(inner: &str, name: &str) -> bool {
    inner.split_once(',').is_some_and(|(text, value)| {
        let text = text.strip_prefix('u').unwrap_or(text);
        value == name && text.trim_matches('\'') == name
    })
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(super::parser::continues_name)
}
