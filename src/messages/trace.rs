//! Python's tracebacks in a restore's output: which exceptions, in which row of which row file, through what.

use super::abandon::cut;
use super::severity::is_exception_name;

/// Characters kept of a traceback: its end tells most.
const MOST_TEXT: usize = 16_000;
/// Characters kept of a message.
const MOST_MESSAGE: usize = 4_000;

/// A traceback, with those that led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traced {
    /// The classes of the exceptions with their messages, in the order printed: the first is what began it.
    pub exceptions: Vec<(String, String)>,
    /// The files that were run, with their lines, innermost last: a row file among them tells the row.
    pub modules: Vec<(String, u64)>,
    /// Whether it went through a create function.
    pub in_create: bool,
    /// Whether it went through the saving of a row.
    pub in_save: bool,
    /// Its text.
    pub text: String,
}

/// Where a reader of tracebacks is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Outside,
    Frames,
    Message,
    /// Behind "During handling of …": another traceback comes, which belongs to this one.
    Between,
}

/// Collects tracebacks.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    at: At,
    traced: Traced,
}

impl Tracer {
    /// Takes a line; `goes_on` tells that it is one of the loader's own. Returns a traceback that is complete now.
    pub(super) fn take(&mut self, line: &str, goes_on: bool) -> Option<Traced> {
        let begins = line.trim_end().ends_with("Traceback (most recent call last):");
        if begins {
            let before = (self.at != At::Between).then(|| self.end()).flatten();
            self.at = At::Frames;
            self.keep(line);
            // The frames of the last one of several are what counts.
            self.traced.modules.clear();
            (self.traced.in_create, self.traced.in_save) = (false, false);
            return before;
        }
        match self.at {
            At::Outside => return None,
            At::Frames if line.starts_with([' ', '\t']) || line.is_empty() => self.frame(line),
            At::Frames => {
                let (name, message) = line.split_once(':').unwrap_or((line, ""));
                if goes_on || !is_exception_name(name) {
                    // Output of several channels got mixed here.
                    return None;
                }
                self.traced.exceptions.push((cut(name, 300), cut(message.trim_start(), MOST_MESSAGE)));
                self.at = At::Message;
            }
            At::Between if line.is_empty() => {}
            _ if goes_on => return self.end(),
            At::Message if line.starts_with("During handling of ") || line.starts_with("The above exception was ") => {
                self.at = At::Between;
            }
            At::Message => {
                if let Some((_, message)) = self.traced.exceptions.last_mut()
                    && !line.is_empty()
                    && message.len() + line.len() < MOST_MESSAGE
                {
                    message.push('\n');
                    message.push_str(line);
                }
            }
            At::Between => return self.end(),
        }
        self.keep(line);
        None
    }

    /// Ends the traceback that is being read.
    pub(super) fn end(&mut self) -> Option<Traced> {
        self.at = At::Outside;
        let traced = std::mem::take(&mut self.traced);
        (!traced.exceptions.is_empty()).then_some(traced)
    }

    fn keep(&mut self, line: &str) {
        let text = &mut self.traced.text;
        text.push_str(&cut(line, MOST_MESSAGE));
        text.push('\n');
        if text.len() > 2 * MOST_TEXT {
            let from = text.floor_char_boundary(text.len() - MOST_TEXT);
            text.replace_range(..from, "…");
        }
    }

    /// Reads `  File "shop_partner.py", line 4, in <module>`.
    fn frame(&mut self, line: &str) {
        let Some((path, rest)) =
            line.trim_start().strip_prefix("File \"").and_then(|rest| rest.split_once("\", line "))
        else {
            return;
        };
        let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
        let Ok(number) = number.parse() else { return };
        if function == "<module>" {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.traced.modules.push((cut(name, 300), number));
        }
        self.traced.in_create |= function.starts_with("create_");
        self.traced.in_save |= matches!(function, "try_save" | "register_failure");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEPENDENT: &str = "Traceback (most recent call last):
  File \"/e/lino/utils/dpy.py\", line 144, in try_save
    raise ValidationError(f\"{obj} : {e}\") from None
django.core.exceptions.ValidationError: [\"mail.from : ['Invalid']\"]

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"/srv/manage.py\", line 6, in <module>
    execute_from_command_line(sys.argv)
  File \"snapshot/restore.py\", line 168, in main
  File \"shop_setting.py\", line 4, in <module>
    loader.save(create_shop_setting(1,'mail.from','x',0))
  File \"/e/lino/utils/dpy.py\", line 162, in try_save
    raise Exception(msg) from e
Exception: Failed to save independent Setting #1 ('mail.from').
Done manage.py run snapshot/restore.py --noinput (PID 8261)";

    #[test]
    fn a_chain_of_tracebacks_is_one_and_tells_the_row() {
        let mut reader = Tracer::default();
        let found: Vec<Traced> =
            INDEPENDENT.lines().filter_map(|line| reader.take(line, line.starts_with("Done "))).collect();
        let [traced] = &found[..] else { panic!("{found:?}") };
        let text = INDEPENDENT.rsplit_once('\n').unwrap().0;
        assert_eq!(traced.text, format!("{text}\n"));
        let exception = |name: &str, message: &str| (name.to_owned(), message.to_owned());
        let expected = Traced {
            exceptions: vec![
                exception("django.core.exceptions.ValidationError", "[\"mail.from : ['Invalid']\"]"),
                exception("Exception", "Failed to save independent Setting #1 ('mail.from')."),
            ],
            modules: vec![("manage.py".into(), 6), ("shop_setting.py".into(), 4)],
            in_create: false,
            in_save: true,
            text: traced.text.clone(),
        };
        assert_eq!(*traced, expected);
    }

    #[test]
    fn an_endless_traceback_keeps_its_end() {
        let mut reader = Tracer::default();
        reader.take("Traceback (most recent call last):", false);
        for number in 0..100_000 {
            reader.take(&format!("  File \"x.py\", line {number}, in f"), false);
        }
        reader.take("ValueError: é", false);
        let traced = reader.end().unwrap();
        assert!(traced.text.len() < 3 * MOST_TEXT && traced.text.ends_with("line 99999, in f\nValueError: é\n"));
    }
}
