//! Create functions: what they take, what becomes of each field, and what a hand has changed in them.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

use super::literal;
use super::parameters::{Conversion, Parameter, Parameters};
use super::place::Lines;
use super::statements::{Cutter, Statement};

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
    pub parameters: Parameters,
    /// Its lines.
    pub lines: Lines,
    /// Whether it has lines that `dump2py` does not write, or lacks one that it writes.
    pub edited: bool,
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

    /// Returns the position of the link to the parent, where the model has one.
    #[must_use]
    pub fn parent_link(&self) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.conversion == Conversion::ParentLink)
    }

    /// Returns the position of the primary key: the first of those `known` that is there, else the link to the parent,
    /// else `id`; none when it can be any value.
    #[must_use]
    pub fn key<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Option<usize> {
        let known = known.into_iter().find_map(|name| self.position(name));
        known.or_else(|| self.parent_link()).or_else(|| self.position("id"))
    }
}

/// How a signature is written.
struct Signature {
    /// Whether `dump2py` writes such a one.
    usual: bool,
    /// Whether it is one line with nothing but names, of letters, digits and underscores.
    plain: bool,
}

/// Reads the parameters.
fn signature(head: &Statement<'_>, parameters: &mut Vec<Parameter>) -> Signature {
    let open = head.text.find('(').map_or(head.text.len(), |at| at + 1);
    let rest = head.text.get(open..).unwrap_or_default();
    let code = if memchr::memchr(b'#', rest.as_bytes()).is_some() { without_comments(rest) } else { rest.into() };
    let inner = code.rfind(')').and_then(|close| code.get(..close)).unwrap_or(&code);
    let one_line = head.lines.first == head.lines.last;
    let usual = one_line && rest.get(inner.len()..) == Some("):");
    // To the end, whatever is found: many bytes are looked at together then.
    let plain = inner.bytes().fold(one_line, |plain, byte| plain & is_plain(byte));
    if plain {
        let mut start = 0;
        for end in memchr::memchr_iter(b',', inner.as_bytes()).chain([inner.len()]) {
            let name = inner.get(start..end).unwrap_or_default().trim_ascii();
            start = end + 1;
            if !name.is_empty() {
                parameters.push(Parameter::new(name, head.lines.first));
            }
        }
        return Signature { usual, plain };
    }
    let usual = usual & with_values(head, open, inner, parameters);
    Signature { usual, plain }
}

/// Tells whether a byte may be in a signature that is nothing but names.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b',' | b' ')
}

/// Reads parameters that have default values or types or are written in several lines, from behind the bracket at `open`;
/// tells whether they have not.
fn with_values(head: &Statement<'_>, open: usize, inner: &str, parameters: &mut Vec<Parameter>) -> bool {
    let mut usual = true;
    let (mut counted, mut line) = (0, head.lines.first);
    for raw in literal::arguments(inner.as_bytes()) {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        let end = memchr::memchr2(b'=', b':', raw).unwrap_or(raw.len());
        // One word, also where a damaged script has more of them.
        let name = text.get(..end).unwrap_or_default().split_ascii_whitespace().next().unwrap_or_default();
        usual &= name == text && !name.starts_with('*');
        if name.is_empty() {
            continue;
        }
        if head.lines.first != head.lines.last {
            let before = open + raw.as_ptr().addr().saturating_sub(inner.as_ptr().addr());
            let breaks = head.text.get(counted..before).map_or(0, |text| text.matches('\n').count());
            line += u32::try_from(breaks).unwrap_or_default();
            counted = before;
        }
        parameters.push(Parameter::new(name, line));
    }
    usual
}

/// Returns a signature with blanks instead of comments, which may stand behind each parameter.
fn without_comments(text: &str) -> Cow<'_, str> {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let end = match byte {
            b'\'' | b'"' => literal::string_end(&bytes, at),
            b'#' => {
                let rest = bytes.get_mut(at..).unwrap_or_default();
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                rest.iter_mut().take(length).for_each(|byte| *byte = b' ');
                Some(at + length)
            }
            _ => None,
        };
        at = end.unwrap_or(at + 1).max(at + 1);
    }
    // Whole characters were replaced.
    String::from_utf8(bytes).map_or(text.into(), Cow::Owned)
}

/// A create function while it is read.
pub(super) struct Reading<'a, 'all> {
    /// Without its parameters.
    function: Function,
    /// The parameters of all functions, and where those of this one begin.
    all: &'all mut Vec<Parameter>,
    start: usize,
    /// The position of the parameter that probably comes next: `dump2py` stores them in their order.
    expected: usize,
    /// Whether all parameters have names that can be looked for as they are.
    plain: bool,
    /// The statements that `dump2py` does not write.
    strange: Vec<Statement<'a>>,
}

impl<'a, 'all> Reading<'a, 'all> {
    /// Begins with the first line.
    pub fn new(table: &str, head: &Statement<'a>, all: &'all mut Vec<Parameter>) -> Self {
        let start = all.len();
        let Signature { usual, plain } = signature(head, all);
        let (table, lines, parameters) = (table.to_owned(), head.lines, Parameters::default());
        let function = Function { table, model: None, parent: None, parameters, lines, edited: false };
        let strange = if usual { Vec::new() } else { vec![*head] };
        Self { function, all, start, expected: 0, plain, strange }
    }

    fn parameters(&mut self) -> &mut [Parameter] {
        self.all.get_mut(self.start..).unwrap_or_default()
    }

    /// Takes the lines that store the parameters which probably come next: most lines of a script.
    pub fn stored(&mut self, statements: &mut Cutter<'_>) {
        if !self.plain {
            return;
        }
        for parameter in self.all.iter_mut().skip(self.start + self.expected) {
            let Some(line) = statements.stores(&parameter.name) else { return };
            parameter.stored = NonZeroU32::new(line);
            self.function.lines.last = line;
            self.expected += 1;
        }
    }

    /// Takes a statement of the body.
    pub fn statement(&mut self, statement: &Statement<'a>) {
        self.function.lines.last = statement.lines.last;
        if self.line(statement).is_none() {
            self.strange.push(*statement);
        }
    }

    /// Returns the function without its parameters, where they are, and the statements in it that `dump2py` does not
    /// write.
    pub fn finish(mut self) -> (Function, Range<usize>, Vec<Statement<'a>>) {
        let dropped = self.parameters().iter().any(|parameter| parameter.stored.is_none());
        let mut function = self.function;
        function.edited = !self.strange.is_empty() || dropped || function.model.is_none();
        (function, self.start..self.all.len(), self.strange)
    }

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
            self.named(passed_on(pair)?)?.stored = NonZeroU32::new(line);
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
            parameter.stored = NonZeroU32::new(line);
        }
        parameter.conversion = conversion;
        parameter.converted = NonZeroU32::new(line);
        Some(())
    }

    fn named(&mut self, name: &str) -> Option<&mut Parameter> {
        let mut expected = self.expected;
        let parameters = self.parameters();
        let has_name = |parameter: &Parameter| parameter.name == name;
        if !parameters.get(expected).is_some_and(has_name) {
            expected = parameters.iter().position(has_name)?;
        }
        self.expected = expected + 1;
        self.parameters().get_mut(expected)
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
            (Conversion::ParentLink, NonZeroU32::new(line), NonZeroU32::new(line));
        self.function.parent = Some(parent.to_owned());
        self.function.model = Some(model.to_owned());
        for argument in arguments.filter(|argument| *argument != "**kw") {
            self.named(passed_on(argument)?)?.stored = NonZeroU32::new(line);
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
    let usual = text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    !text.is_empty() && (usual || text.chars().all(super::parser::continues_name))
}
