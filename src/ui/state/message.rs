//! What reaches the wizard, and what it wants to be done: all that goes in and out.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use super::{Looked, RowPlace};
use crate::engine::{Event, Wish};
use crate::procedure::DumpScripts;
use crate::ui::log_view::{Counted, Rows};
use crate::ui::reader::Request;
use crate::ui::scripts_view::Aligned;

/// Something that reached the wizard. All of it comes through one channel, so its order is total.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal has this size now: columns, rows.
    Resize(u16, u16),
    /// Time went on: milliseconds since 1970.
    Clock(i64),
    /// The engine tells something.
    Engine(Event),
    /// The engine is gone without having said that the run is over.
    EngineGone,
    /// News of a log.
    Log(LogNews),
    /// The dump scripts were read.
    Scripts {
        /// Where they are.
        paths: DumpScripts,
        /// The scripts, or sentences that say which file cannot be read and why.
        read: Result<Arc<Aligned>, Vec<String>>,
    },
    /// A row of the snapshot was looked up.
    Row(Looked),
    /// The wizard runs again after it was suspended.
    Resumed,
    /// Somebody asked the process to stop until it is continued.
    Stopped,
    /// The terminal is gone, or somebody asked the process to end.
    Terminated,
}

/// What the log reader tells.
#[derive(Debug)]
pub enum LogNews {
    /// The log has grown, or was opened.
    Grew {
        /// Its lines so far.
        lines: u64,
        /// Its bytes so far.
        bytes: u64,
        /// Whether there is more on disk than was counted.
        more: bool,
    },
    /// Lines that were asked for.
    Read {
        /// The lines.
        rows: Rows,
    },
    /// A search ended.
    Found {
        /// The line, if any.
        line: Option<u64>,
    },
    /// A jump to the next error or warning ended.
    FoundTrouble {
        /// The line, if any.
        line: Option<u64>,
    },
    /// Matches were counted.
    Counted(Counted),
    /// Text for the clipboard.
    Copied {
        /// The text.
        text: String,
        /// How many lines it has.
        lines: usize,
        /// Whether it is all that was asked for.
        whole: bool,
    },
    /// Output of the shell.
    Shell {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether output was left out, because the shell writes faster than anybody reads.
        skipped: bool,
    },
    /// The log cannot be read.
    Unreadable {
        /// What the system says.
        because: String,
    },
}

/// What is to be done after an update.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the engine.
    Send(Wish),
    /// Ask the log reader.
    Ask(Request),
    /// Read and align the dump scripts, in the background.
    ReadScripts(DumpScripts),
    /// Look a row of the snapshot up, in the background.
    ReadRow(RowPlace),
    /// Put text on the operator's clipboard.
    Clipboard(String),
    /// Ring the bell and send a notification.
    Notify(&'static str),
    /// Draw everything again.
    Redraw,
    /// Stop the process until the shell continues it.
    Suspend,
    /// End the wizard.
    Quit,
}
