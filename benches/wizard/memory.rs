//! Memory with a log of ten million lines.

use super::lines::{Child, in_wizard};
use super::place::{Place, until};
use super::processes::peak_memory;
use super::table::{self, below};

const LINES: u64 = 10_000_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Measures.
pub fn run() {
    table::heading(&format!("memory: the most that was resident while a child printed {LINES} lines (820 MB)"));
    let child = Child::new(LINES);
    let place = Place::new(&child.command());
    let wizard = place.wizard();
    let seconds = in_wizard(&place, &child, &wizard);
    // To the first line and back: the pane reads from both ends.
    wizard.press("z");
    wizard.press("g");
    until("the first line", || wizard.screen().contains("00000001 row").then_some(()));
    wizard.press("G");
    until("the last line", || wizard.screen().contains(&child.last_line()).then_some(()));
    let [runner, shim] = place.runner();
    child.leave();
    // The next step begins when all of the output was read for its facts.
    let next = place.dir().join(".lino-upgrade/logs/0001-04-verify-snapshot-1.log");
    until("the next step", || next.exists().then_some(()));
    let rows: Vec<Vec<String>> =
        [("the wizard", Some(wizard.pid())), ("the runner", runner), ("the leader of its terminal", shim)]
            .into_iter()
            .map(|(name, pid)| {
                #[expect(clippy::cast_precision_loss, reason = "sizes of processes are far below 2^52")]
                let memory = pid.and_then(peak_memory).map_or(f64::NAN, |bytes| bytes as f64 / MIB);
                vec![name.to_owned(), format!("{memory:.1}"), below(memory, 64.0).to_owned()]
            })
            .collect();
    table::print(&["", "MiB resident at most", "below 64"], &rows);
    let whole =
        if child.is_kept_in(&place.log()) { "every byte is in the log" } else { "BYTES ARE MISSING in the log" };
    println!("  The child wrote for {:.1} s; {whole}; on screen {:.1} s after it began.", seconds.child, seconds.shown);
}
