//! Opens the wizard: the engine in the background, the screen in front.

use std::io::{self, IsTerminal, Write};

use crate::engine::Options;
use crate::error::{Kind, Report};
use crate::ui;

/// Runs the wizard until the operator leaves; returns the exit status.
pub async fn run(options: Options) -> Result<u8, Report> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Report::new(Kind::Environment, "The wizard needs a terminal.")
            .unchanged("Nothing was started.")
            .next("Start it in a terminal, or run the procedure without a screen: lino-upgrade run --headless"));
    }
    // Such terminals would show the control sequences as text, and could not be given back.
    let kind = std::env::var("TERM").unwrap_or_default();
    if matches!(kind.as_str(), "" | "dumb" | "unknown") {
        let what = match kind.as_str() {
            "" => "The wizard needs to know the kind of this terminal, and TERM is not set.".to_owned(),
            kind => format!("The wizard cannot draw on this terminal: TERM={kind}."),
        };
        return Err(Report::new(Kind::Environment, what)
            .unchanged("Nothing was started.")
            .next("Set TERM to what your terminal is, for example: export TERM=xterm-256color")
            .next("Or run the procedure without a screen: lino-upgrade run --headless"));
    }
    let handle = crate::engine::open(options);
    let end = ui::run(handle.wishes, handle.events, ui::Options::from_environment()).await?;
    if let Some(farewell) = &end.farewell {
        // Whoever closed the terminal reads nothing any more.
        let _ = writeln!(io::stdout(), "{farewell}");
    }
    Ok(end.exit_status())
}
