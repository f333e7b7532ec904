//! The buffer for a password that is being typed: never printed, wiped when sent or dropped.

use std::fmt;

use secrecy::zeroize::Zeroize;

use crate::engine::Keys;

/// The longest secret that is taken, so that the buffer never moves and leaves no copy behind.
const LONGEST: usize = 4096;

/// What was typed so far.
#[derive(PartialEq, Eq)]
pub struct Secret {
    bytes: Vec<u8>,
}

impl Default for Secret {
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(LONGEST + 1) }
    }
}

impl Secret {
    /// Adds a character; one that does not fit is left out.
    pub fn push(&mut self, c: char) {
        let mut utf8 = [0; 4];
        let text = c.encode_utf8(&mut utf8);
        if !c.is_control() && self.bytes.len() + text.len() <= LONGEST {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        utf8.zeroize();
    }

    /// Removes the last character.
    pub fn pop(&mut self) {
        while let Some(byte) = self.bytes.pop() {
            // A byte that is no continuation byte begins the character.
            if byte & 0xc0 != 0x80 {
                break;
            }
        }
    }

    /// Returns how many characters were typed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
    }

    /// Wipes the buffer.
    pub fn wipe(&mut self) {
        self.bytes.zeroize();
    }

    /// Hands over what was typed, with Enter at its end, and leaves an empty buffer.
    pub fn send(&mut self) -> Keys {
        self.bytes.push(b'\r');
        Keys::new(std::mem::take(self).take())
    }

    fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} characters)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_sent_once_and_never_printed() {
        let mut secret = Secret::default();
        for c in "pä日x".chars() {
            secret.push(c);
        }
        secret.pop();
        assert_eq!((secret.len(), format!("{secret:?}")), (3, "Secret(3 characters)".to_owned()));
        assert_eq!(secret.send().expose(), "pä日\r".as_bytes());
        assert_eq!(secret.len(), 0);
        assert_eq!(secret.send().expose(), b"\r");
    }
}
