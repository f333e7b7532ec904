//! Turns keys into the bytes that a terminal sends for them (xterm's, the common ground of all shells and programs).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How the program in the pane wants its arrow keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrows {
    /// `ESC [ A`.
    #[default]
    Normal,
    /// `ESC O A`, asked for by full-screen programs.
    Application,
}

/// Returns the bytes of a key; none for keys that no terminal sends.
#[must_use]
pub fn key(key: KeyEvent, arrows: Arrows) -> Option<Vec<u8>> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let mut bytes = match key.code {
        KeyCode::Char(c) if control => vec![control_byte(c)?],
        KeyCode::Char(c) => c.to_string().into_bytes(),
        KeyCode::Enter => b"\r".to_vec(),
        KeyCode::Tab => b"\t".to_vec(),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Backspace => b"\x7f".to_vec(),
        KeyCode::Esc => b"\x1b".to_vec(),
        KeyCode::Up => cursor(b'A', key.modifiers, arrows),
        KeyCode::Down => cursor(b'B', key.modifiers, arrows),
        KeyCode::Right => cursor(b'C', key.modifiers, arrows),
        KeyCode::Left => cursor(b'D', key.modifiers, arrows),
        KeyCode::Home => cursor(b'H', key.modifiers, arrows),
        KeyCode::End => cursor(b'F', key.modifiers, arrows),
        KeyCode::Insert => b"\x1b[2~".to_vec(),
        KeyCode::Delete => b"\x1b[3~".to_vec(),
        KeyCode::PageUp => b"\x1b[5~".to_vec(),
        KeyCode::PageDown => b"\x1b[6~".to_vec(),
        KeyCode::F(n @ 1..=4) => vec![0x1b, b'O', b'O' + n],
        KeyCode::F(n @ 5..=12) => {
            let number = [15, 17, 18, 19, 20, 21, 23, 24].get(usize::from(n - 5))?;
            format!("\x1b[{number}~").into_bytes()
        }
        _ => return None,
    };
    let prefixed = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace);
    if alt && prefixed {
        bytes.insert(0, 0x1b);
    }
    Some(bytes)
}

fn control_byte(c: char) -> Option<u8> {
    match c.to_ascii_lowercase() {
        c @ 'a'..='z' => Some(c as u8 - b'a' + 1),
        ' ' | '@' | '2' => Some(0),
        '[' | '3' => Some(0x1b),
        '\\' | '4' => Some(0x1c),
        ']' | '5' => Some(0x1d),
        '^' | '6' => Some(0x1e),
        '_' | '/' | '7' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}

fn cursor(letter: u8, modifiers: KeyModifiers, arrows: Arrows) -> Vec<u8> {
    let shift = u8::from(modifiers.contains(KeyModifiers::SHIFT));
    let alt = u8::from(modifiers.contains(KeyModifiers::ALT)) * 2;
    let control = u8::from(modifiers.contains(KeyModifiers::CONTROL)) * 4;
    match (1 + shift + alt + control, arrows) {
        (1, Arrows::Normal) => vec![0x1b, b'[', letter],
        (1, Arrows::Application) => vec![0x1b, b'O', letter],
        (held, _) => vec![0x1b, b'[', b'1', b';', b'0' + held, letter],
    }
}

/// Returns pasted text as a terminal sends it: line ends as Enter, in brackets when the program asked for them.
/// Control characters are left out, so that nothing pasted can end the brackets or steer the program.
#[must_use]
pub fn paste(text: &str, bracketed: Bracketed) -> Vec<u8> {
    let inner = text
        .replace("\r\n", "\r")
        .chars()
        .map(|c| if c == '\n' { '\r' } else { c })
        .filter(|c| !c.is_control() || matches!(c, '\r' | '\t'))
        .collect::<String>()
        .into_bytes();
    match bracketed {
        Bracketed::Plain => inner,
        Bracketed::Brackets => [b"\x1b[200~".as_slice(), &inner, b"\x1b[201~"].concat(),
    }
}

/// Whether pasted text is marked as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracketed {
    /// As if typed.
    Plain,
    /// Between the marks of bracketed paste.
    Brackets,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_what_xterm_sends() {
        let none = KeyModifiers::NONE;
        for (code, modifiers, arrows, bytes) in [
            (KeyCode::Char('y'), none, Arrows::Normal, &b"y"[..]),
            (KeyCode::Char('ä'), none, Arrows::Normal, "ä".as_bytes()),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Arrows::Normal, b"\x03"),
            (KeyCode::Char('b'), KeyModifiers::ALT, Arrows::Normal, b"\x1bb"),
            (KeyCode::Up, none, Arrows::Normal, b"\x1b[A"),
            (KeyCode::Up, none, Arrows::Application, b"\x1bOA"),
            (KeyCode::Left, KeyModifiers::CONTROL, Arrows::Application, b"\x1b[1;5D"),
            (KeyCode::F(1), none, Arrows::Normal, b"\x1bOP"),
            (KeyCode::F(12), none, Arrows::Normal, b"\x1b[24~"),
        ] {
            assert_eq!(key(KeyEvent::new(code, modifiers), arrows).as_deref(), Some(bytes), "{code:?}");
        }
    }

    #[test]
    fn pasted_text_cannot_steer_the_program() {
        assert_eq!(paste("a\r\nb\x1b[201~\x03c", Bracketed::Brackets), b"\x1b[200~a\rb[201~c\x1b[201~");
        assert_eq!(paste("a\nb", Bracketed::Plain), b"a\rb");
    }
}
