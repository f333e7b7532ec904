//! The command line of a restore with decisions: it loads a copy of the dump script that lies beside the original.

/// The name of the dump script.
const SCRIPT: &str = "restore.py";
/// The name of its copy with the decisions.
pub const COPY: &str = "restore_decided.py";

/// Returns the line with the copy in the place of the dump script; none when the line does not name the script exactly
/// once, as a word of its own.
#[must_use]
pub fn with_copy(line: &str) -> Option<String> {
    let is_end = |letter: char| letter.is_whitespace() || "'\"=;&|()<>".contains(letter);
    let named = |at: &usize| {
        let before = line.get(..*at).unwrap_or_default().chars().next_back();
        let after = line.get(at + SCRIPT.len()..).unwrap_or_default().chars().next();
        before.is_none_or(|letter| letter == '/' || is_end(letter)) && after.is_none_or(is_end)
    };
    let mut places = line.match_indices(SCRIPT).map(|(at, _)| at).filter(named);
    let (at, None) = (places.next()?, places.next()) else { return None };
    let (before, after) = (line.get(..at)?, line.get(at + SCRIPT.len()..)?);
    Some(format!("{before}{COPY}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_takes_the_place_of_the_script() {
        let cases = [
            ("python manage.py run snapshot/restore.py", Some("python manage.py run snapshot/restore_decided.py")),
            ("python manage.py run '/a b/restore.py' -b", Some("python manage.py run '/a b/restore_decided.py' -b")),
            (
                "cd snapshot && ../m.py run restore.py; true",
                Some("cd snapshot && ../m.py run restore_decided.py; true"),
            ),
            ("./my_restore.py", None),
            ("./restore.sh", None),
            ("cp snapshot/restore.py x && python x/restore.py", None),
            ("python restore.pyc", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(with_copy(line).as_deref(), expected, "{line}");
        }
    }
}
