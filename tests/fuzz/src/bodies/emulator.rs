//! The terminal in the log pane: whatever is fed to it at whatever size, its cursor stays in it.

use lino_upgrade::ui::emulator::Emulator;

/// Ends what is fed, and begins a change of size.
const RESIZE: u8 = 0xfe;
/// Ends what is fed, and begins a scroll.
const SCROLL: u8 = 0xff;

pub fn run(mut data: &[u8]) {
    let mut emulator = Emulator::new(80, 24);
    while let Some(at) = data.iter().position(|byte| matches!(*byte, RESIZE | SCROLL)) {
        let (fed, rest) = data.split_at(at);
        emulator.feed(fed);
        data = match rest {
            [RESIZE, columns, rows, rest @ ..] => {
                emulator.resize(u16::from(*columns), u16::from(*rows));
                rest
            }
            [SCROLL, by, rest @ ..] => {
                emulator.scroll(isize::from(by.cast_signed()));
                rest
            }
            _ => &[],
        };
        stands(&emulator);
    }
    emulator.feed(data);
    stands(&emulator);
    let shown = emulator.screen().contents();
    emulator.resize(0, 0);
    stands(&emulator);
    emulator.feed(b"\x18\x1b\\\x1bc");
    emulator.resize(80, 24);
    emulator.feed(b"\x1bcalive");
    assert!(emulator.screen().contents().contains("alive"), "it takes nothing any more, after {shown:?}");
    let _ = (emulator.arrows(), format!("{emulator:?}"));
}

fn stands(emulator: &Emulator) {
    let screen = emulator.screen();
    let ((rows, columns), (row, column)) = (screen.size(), screen.cursor_position());
    assert!(rows > 0 && columns > 0 && row < rows && column <= columns, "{row}, {column} in {rows}, {columns}");
    assert!(screen.contents().lines().count() <= usize::from(rows));
    for (row, column) in (0..rows).step_by(7).zip((0..columns).rev().step_by(11).cycle()) {
        match screen.cell(row, column) {
            Some(cell) => assert!(cell.contents().len() < 100, "a cell does not grow"),
            None => assert!(screen.scrollback() > 0, "every place has a cell, but in rows of another width further up"),
        }
    }
}
