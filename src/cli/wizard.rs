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
    let handle = crate::engine::open(options);
    let end = ui::run(handle.wishes, handle.events, ui::Options::from_environment()).await?;
    if let Some(farewell) = &end.farewell {
        // Whoever closed the terminal reads nothing any more.
        let _ = writeln!(io::stdout(), "{farewell}");
    }
    Ok(end.exit_status())
}
