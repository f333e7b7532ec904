//! What keeps two sides in step that have not the same rows.

use super::super::Key;

/// Rows that are looked at ahead when one side has a row that the other has not.
const NEAR: usize = 64;
/// Rows that are looked at when that did not help for long.
const FAR: usize = 1 << 14;
/// How often nothing may be found ahead before it is looked for less often.
const PATIENCE: u32 = 4;

/// Whether the keys of a side ascend.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ascent {
    last: Option<i64>,
    /// Whether they did not always.
    pub broken: bool,
}

impl Ascent {
    /// Takes the next key.
    pub fn step(&mut self, key: Key) {
        match key {
            Key::Number(number) => {
                self.broken |= self.last.is_some_and(|last| last >= number);
                self.last = Some(number);
            }
            Key::Text(_) => self.broken = true,
        }
    }
}

/// When it is worth to look for a row ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    patience: u32,
    pause: usize,
    wait: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { patience: PATIENCE, pause: 0, wait: 16 }
    }
}

impl Ahead {
    /// Returns how far to look, if at all.
    pub fn limit(&mut self) -> Option<usize> {
        if self.patience > 0 {
            return Some(NEAR);
        }
        self.pause = self.pause.saturating_sub(1);
        (self.pause == 0).then_some(FAR)
    }

    /// Learns whether something was found.
    pub fn tell(&mut self, found: bool) {
        if found {
            *self = Self::default();
        } else if self.patience > 0 {
            self.patience -= 1;
        } else {
            self.pause = self.wait;
            self.wait = (2 * self.wait).min(1 << 16);
        }
    }
}
