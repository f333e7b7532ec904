//! The grammar of values: brackets, names, calls, what may stand where.

use super::number;
use super::place::Fault;
use super::string;
use super::value::{Argument, Value};

/// Brackets within brackets that Python itself accepts (`MAXLEVEL` of its tokenizer); bounds the recursion here.
const DEEPEST: usize = 200;

/// Words that are no names.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

/// Reads values out of a text.
#[derive(Clone, Debug)]
pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub at: usize,
    depth: usize,
    /// Whether nothing but the end may follow: the last value had no comma behind it.
    ended: bool,
}

impl<'a> Parser<'a> {
    /// Begins at the start of a text that stands in so many brackets.
    pub const fn new(text: &'a str, depth: usize) -> Self {
        Self { text, at: 0, depth, ended: false }
    }

    /// Reads the only value of the text.
    pub fn only(&mut self) -> Result<Value<'a>, Fault> {
        self.space();
        let value = self.value()?;
        while matches!(self.peek(), Some(b'\n' | b'\r' | b' ' | b'\t')) {
            self.at += 1;
        }
        if self.at < self.text.len() { Err(self.unexpected()) } else { Ok(value) }
    }

    /// Reads the next value of a list that ends with the text.
    pub fn element(&mut self) -> Result<Option<Value<'a>>, Fault> {
        self.space();
        if self.at >= self.text.len() {
            return Ok(None);
        }
        if self.ended {
            return Err(self.unexpected());
        }
        let value = self.value()?;
        self.space();
        self.ended = !self.take(b',');
        if self.ended && self.at < self.text.len() { Err(self.unexpected()) } else { Ok(Some(value)) }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn after(&self, count: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + count).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes blanks; within brackets also line ends and comments. A comment to the end of the text hides the brackets that
    /// should follow, so it is not passed.
    pub fn space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\x0c' => self.at += 1,
                b'\n' | b'\r' if self.depth > 0 => self.at += 1,
                b'#' if self.depth > 0 => {
                    let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                    let Some(length) = memchr::memchr(b'\n', rest) else { return };
                    self.at += length;
                }
                _ => return,
            }
        }
    }

    pub fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.at, text)
    }

    fn unexpected(&self) -> Fault {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => self.fault("the value ends too early"),
            Some(c) => self.fault(format!("{c:?} is not expected here")),
        }
    }

    fn value(&mut self) -> Result<Value<'a>, Fault> {
        match self.peek() {
            Some(b'\'' | b'"') => string::read(self),
            Some(b'0'..=b'9') => number::read(self, ""),
            Some(b'.') if self.after(1).is_some_and(|byte| byte.is_ascii_digit()) => number::read(self, ""),
            Some(sign @ (b'-' | b'+')) => self.signed(sign),
            Some(b'[') => Ok(Value::List(self.elements(b']')?.0)),
            Some(b'(') => self.parenthesised(),
            Some(b'{') => self.braces(),
            _ if string::begins(self) => string::read(self),
            _ => self.named(),
        }
    }

    fn signed(&mut self, sign: u8) -> Result<Value<'a>, Fault> {
        self.at += 1;
        self.space();
        match self.peek() {
            Some(b'0'..=b'9' | b'.') => number::read(self, if sign == b'-' { "-" } else { "" }),
            _ => Err(self.unexpected()),
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        if self.depth >= DEEPEST {
            return Err(self.fault("brackets are nested more deeply than Python reads"));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Reads up to the closing bracket, and tells whether a comma was the last.
    fn elements(&mut self, closing: u8) -> Result<(Vec<Value<'a>>, bool), Fault> {
        self.open()?;
        let mut values = Vec::new();
        let mut comma = false;
        loop {
            self.space();
            if self.peek() == Some(closing) {
                self.close();
                return Ok((values, comma));
            }
            if !comma && !values.is_empty() {
                return Err(self.unexpected());
            }
            values.push(self.value()?);
            self.space();
            comma = self.take(b',');
        }
    }

    fn parenthesised(&mut self) -> Result<Value<'a>, Fault> {
        let (mut values, comma) = self.elements(b')')?;
        match values.pop() {
            Some(value) if values.is_empty() && !comma => Ok(value),
            last => {
                values.extend(last);
                Ok(Value::Tuple(values))
            }
        }
    }

    fn braces(&mut self) -> Result<Value<'a>, Fault> {
        self.open()?;
        self.space();
        if self.take(b'}') {
            self.depth -= 1;
            return Ok(Value::Dict(Vec::new()));
        }
        let first = self.value()?;
        self.space();
        if self.take(b':') { self.dict(first) } else { self.set(first) }
    }

    /// Reads on behind the colon of the first key.
    fn dict(&mut self, mut key: Value<'a>) -> Result<Value<'a>, Fault> {
        let mut pairs = Vec::new();
        loop {
            self.space();
            pairs.push((key, self.value()?));
            self.space();
            let comma = self.take(b',');
            self.space();
            if self.peek() == Some(b'}') {
                self.close();
                return Ok(Value::Dict(pairs));
            }
            if !comma {
                return Err(self.unexpected());
            }
            key = self.value()?;
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected());
            }
        }
    }

    /// Reads on behind the first value.
    fn set(&mut self, first: Value<'a>) -> Result<Value<'a>, Fault> {
        let mut values = vec![first];
        loop {
            self.space();
            let comma = self.take(b',');
            self.space();
            if self.peek() == Some(b'}') {
                self.close();
                return Ok(Value::Set(values));
            }
            if !comma {
                return Err(self.unexpected());
            }
            values.push(self.value()?);
        }
    }

    /// Reads a name, and the call if it is one.
    fn named(&mut self) -> Result<Value<'a>, Fault> {
        let start = self.at;
        self.identifier()?;
        match self.text.get(start..self.at) {
            Some("None") => return Ok(Value::None),
            Some("True") => return Ok(Value::Bool(true)),
            Some("False") => return Ok(Value::Bool(false)),
            _ => {}
        }
        while self.peek() == Some(b'.') {
            self.at += 1;
            let start = self.at;
            self.identifier()?;
            if matches!(self.text.get(start..self.at), Some("None" | "True" | "False")) {
                return Err(Fault::new(start, "a constant is not expected here"));
            }
        }
        let name = self.text.get(start..self.at).unwrap_or_default();
        self.space();
        if self.peek() != Some(b'(') {
            return Ok(Value::Name(name));
        }
        self.open()?;
        Ok(Value::Call { function: name, arguments: self.arguments()? })
    }

    fn arguments(&mut self) -> Result<Vec<Argument<'a>>, Fault> {
        let mut arguments: Vec<Argument<'a>> = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b')') {
                self.close();
                return Ok(arguments);
            }
            let start = self.at;
            let name = self.argument_name();
            if name.is_none() && arguments.last().is_some_and(|last| last.name.is_some()) {
                return Err(Fault::new(start, "a value without name follows one with a name"));
            }
            arguments.push(Argument { name, value: self.value()? });
            self.space();
            if !self.take(b',') && self.peek() != Some(b')') {
                return Err(self.unexpected());
            }
        }
    }

    /// Passes `name=` if it is there.
    fn argument_name(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.identifier().is_ok() {
            let name = self.text.get(start..self.at);
            self.space();
            if self.peek() == Some(b'=')
                && self.after(1) != Some(b'=')
                && !matches!(name, Some("None" | "True" | "False"))
            {
                self.at += 1;
                self.space();
                return name;
            }
        }
        self.at = start;
        None
    }

    fn identifier(&mut self) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length: usize = rest.chars().take_while(|c| continues_name(*c)).map(char::len_utf8).sum();
        let word = rest.get(..length).unwrap_or_default();
        if !word.starts_with(|c: char| c == '_' || c.is_alphabetic()) {
            return Err(self.unexpected());
        }
        if KEYWORDS.contains(&word) {
            return Err(self.fault(format!("{word} is not expected here")));
        }
        self.at += length;
        Ok(())
    }
}

/// Tells whether a character can be inside a name: letters, digits, underscores, combining marks.
pub(super) fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}
