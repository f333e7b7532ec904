//! What is known to keep a new version from reading the dump of this one, or from starting at all; memory; time and text.

use std::time::Duration;

use tokio::process::Command;

use super::human_size;
use crate::procedure::Finding;
use crate::site::facts::Facts;
use crate::site::find::Site;
use crate::site::process;
use crate::site::surroundings::Surroundings;
use crate::site::text::printable;

const SUBJECT: &str = "version jump";

/// Tells what of this version a newer one is known to stumble over.
#[must_use]
pub fn version_jump(site: &Site, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lino = numbers(&facts.lino);
    if lino < vec![23, 9] && !lino.is_empty() {
        findings.push(Finding::warn(
            SUBJECT,
            format!("Dumps of Lino {} import what Django 5 no longer has; its restore would stop at once.", facts.lino),
            "When pull brings Django 5: in snapshot/restore.py take utc from datetime.timezone instead. Rehearse first.",
        ));
    }
    let settings = std::fs::read_to_string(site.dir.join("settings.py")).unwrap_or_default();
    if settings.contains("def get_installed_apps") {
        findings.push(Finding::warn(
            SUBJECT,
            "settings.py defines get_installed_apps, and Lino since 24.6 does not start with that.",
            "Rename it to get_installed_plugins right after pull (before that, when this Lino is newer than 24.3).",
        ));
    }
    if facts.site.default_ui.as_deref().is_some_and(|ui| ui.contains("extjs")) && lino < vec![26] {
        findings.push(Finding::warn(
            SUBJECT,
            "The site uses the ExtJS interface, which is a package of its own since Lino 26.",
            "Install lino_extjs right after pull.",
        ));
    }
    let python = numbers(&facts.python.version);
    if python < vec![3, 10] && !python.is_empty() {
        findings.push(Finding::warn(
            SUBJECT,
            format!(
                "Python {} is too old for Django 5, so that pull cannot bring the newest Lino.",
                facts.python.version
            ),
            "Build a virtualenv with Python 3.10 or newer.",
        ));
    }
    if findings.is_empty() {
        let text = format!("Nothing is known that keeps a newer version from reading a dump of Lino {}.", facts.lino);
        findings.push(Finding::pass(SUBJECT, printable(&text)));
    }
    findings
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Tells how the site keeps times, and whether its Python reads and writes text as UTF-8.
pub async fn text_and_time(site: &Site, facts: &Facts) -> Finding {
    const SUBJECT: &str = "text and time";
    let mut command = Command::new(&site.python);
    command.args(["-B", "-c", "import locale; print(locale.getpreferredencoding(False))"]);
    let answer = process::run(command, &site.dir, Duration::from_secs(30)).await;
    let encoding = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned()).unwrap_or_default();
    if !encoding.is_empty() && encoding.to_lowercase().replace('-', "") != "utf8" {
        return Finding::warn(
            SUBJECT,
            printable(&format!("Python reads and writes text as {encoding} for you, not as UTF-8.")),
            "Start lino-upgrade with a UTF-8 locale: LC_ALL=C.UTF-8 lino-upgrade",
        );
    }
    let zone = facts.site.time_zone.as_deref().unwrap_or("no time zone");
    let kept = if facts.site.use_tz { "in UTC" } else { "as they are, without a zone" };
    Finding::pass(SUBJECT, printable(&format!("Text is UTF-8; times are kept {kept} and shown in {zone}.")))
}

/// Compares the free memory with what a dump and a restore take: files of 50,000 rows are compiled as a whole.
#[must_use]
pub fn memory(around: &Surroundings, database: u64) -> Option<Finding> {
    const SUBJECT: &str = "memory";
    /// Lino started, with files of 50,000 rows (measured: 370 to 730 MB).
    const LARGE: u64 = 800_000_000;
    /// Lino started, with small tables.
    const SMALL: u64 = 300_000_000;
    let text = std::fs::read_to_string(around.system("proc/meminfo")).ok()?;
    let of = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kilo| kilo.saturating_mul(1024))
    };
    let free = of("MemAvailable")?.saturating_add(of("SwapFree").unwrap_or_default());
    // A table of 50,000 rows takes some 20 MB.
    let needed = if database > 20_000_000 { LARGE } else { SMALL };
    let text = format!("{} of memory are free; the upgrade may need {}.", human_size(free), human_size(needed));
    Some(if free >= needed {
        Finding::pass(SUBJECT, text)
    } else {
        Finding::warn(
            SUBJECT,
            text,
            "Stop what eats memory, or let make_snapshot.sh write smaller files: dump2py --max-row-count 5000",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let old = |version: &str| numbers(version) < vec![23, 9];
        assert_eq!(["23.6.0", "23.9.1", "9.1", "25.1.6"].map(old), [true, false, true, false]);
    }
}
