//! The terminal inside the log pane, for the shell. Whatever is fed to it, it neither panics nor grows without bound.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::encode::Arrows;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Tells the panic hook that a panic of this thread is caught here and must leave the screen alone.
#[must_use]
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// How many rows above the screen are kept.
const SCROLLBACK: usize = 5000;
/// The longest string sequence (title, clipboard) that is taken. The parser itself has no limit.
const LONGEST_STRING: usize = 64 << 10;
/// What ends a sequence (CAN).
const CANCEL: u8 = 0x18;

/// A terminal that is drawn in a pane.
pub struct Emulator {
    parser: vt100::Parser,
    in_string: usize,
    escape: bool,
}

impl Emulator {
    /// Builds an empty terminal; a size of zero counts as one.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { parser: vt100::Parser::new(rows.max(1), columns.max(1), SCROLLBACK), in_string: 0, escape: false }
    }

    /// Takes output of the shell. A panic of the terminal emulator begins an empty screen.
    pub fn feed(&mut self, bytes: &[u8]) {
        let bytes = self.bounded(bytes);
        self.guarded(|parser| parser.process(&bytes));
    }

    /// Changes the size; zero counts as one.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = (rows.max(1), columns.max(1));
        if self.parser.screen().size() != size {
            self.guarded(|parser| parser.screen_mut().set_size(size.0, size.1));
        }
    }

    /// Scrolls by `rows`, up when positive.
    pub fn scroll(&mut self, rows: isize) {
        let now = self.parser.screen().scrollback();
        self.guarded(|parser| parser.screen_mut().set_scrollback(now.saturating_add_signed(rows)));
    }

    /// Returns the screen as it stands.
    #[must_use]
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Returns how the shell wants its arrow keys.
    #[must_use]
    pub fn arrows(&self) -> Arrows {
        if self.parser.screen().application_cursor() { Arrows::Application } else { Arrows::Normal }
    }

    /// vt100 has panicked on odd input in earlier versions (out-of-range scrolling, sizes), and its users had to
    /// fork it. A fault of it must not end an upgrade's wizard: it is caught, and the pane starts afresh.
    fn guarded(&mut self, work: impl FnOnce(&mut vt100::Parser)) {
        GUARDED.set(true);
        let parser = &mut self.parser;
        let done = catch_unwind(AssertUnwindSafe(|| work(parser)));
        GUARDED.set(false);
        if done.is_err() {
            let (rows, columns) = catch_unwind(AssertUnwindSafe(|| self.parser.screen().size())).unwrap_or((24, 80));
            *self = Self::new(columns, rows);
        }
    }

    /// Ends string sequences that never end: the parser would keep every byte of them.
    fn bounded(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes.iter().copied() {
            if self.in_string > 0 {
                self.in_string += 1;
                if matches!(byte, 0x07 | 0x18 | 0x1a | 0x1b) {
                    self.in_string = 0;
                } else if self.in_string > LONGEST_STRING {
                    out.push(CANCEL);
                    self.in_string = 0;
                }
            } else if self.escape && matches!(byte, b']' | b'P' | b'X' | b'^' | b'_') {
                self.in_string = 1;
            }
            self.escape = byte == 0x1b;
            out.push(byte);
        }
        out
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emulator({:?}, {:?})", self.parser.screen().size(), self.parser.screen().contents())
    }
}

impl PartialEq for Emulator {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.parser.screen(), other.parser.screen());
        one.size() == two.size() && one.contents() == two.contents() && one.cursor_position() == two.cursor_position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_sequence_without_end_is_ended() {
        let mut emulator = Emulator::new(80, 24);
        emulator.feed(b"\x1b]0;");
        for _ in 0..100 {
            emulator.feed(&[b'x'; 1000]);
        }
        emulator.feed(b"\r\nvisible again");
        assert!(emulator.screen().contents().contains("visible again"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_and_no_size_panic(
            chunks in proptest::collection::vec(
                (proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), 0_u16..300, 0_u16..300, -99_isize..99),
                0..20,
            )
        ) {
            let mut emulator = Emulator::new(0, 0);
            for (bytes, columns, rows, scroll) in chunks {
                emulator.feed(&bytes);
                emulator.resize(columns, rows);
                emulator.scroll(scroll);
                let _ = emulator.screen().contents();
            }
        }
    }
}
