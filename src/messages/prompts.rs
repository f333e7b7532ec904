//! The questions that the commands of an upgrade ask: what they mean, what Enter means, which keys say yes.
//!
//! Source: the prompts of Lino 17 to 26, Django, getlino's `pull.sh`, pip and sudo. Never answers by itself.

/// A question that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is asked, for a person who is no developer.
    pub meaning: &'static str,
    /// What a bare Enter does.
    pub on_enter: &'static str,
    /// The bytes that say yes; none when only a person can answer.
    pub yes: Option<&'static [u8]>,
}

const FLUSH: Known = Known {
    meaning: "Lino asks whether it may drop all tables of the database before it loads the snapshot.",
    on_enter: "Enter means YES.",
    yes: Some(b"y\r"),
};

const SNAPSHOTS: Known = Known {
    meaning: "One key answers: has every site here a snapshot?",
    on_enter: "Enter pulls nothing.",
    yes: Some(b"y"),
};

const PIP: Known = Known {
    meaning: "Lino asks whether it may install the packages named in the line above.",
    on_enter: "Enter means YES.",
    yes: Some(b"y\r"),
};

const STATIC: Known = Known {
    meaning: "Django asks whether it may overwrite the collected static files. Type the whole word yes.",
    on_enter: "Enter means no: nothing is copied.",
    yes: Some(b"yes\r"),
};

const SUDO: Known = Known {
    meaning: "sudo asks for your own password, to stop or start a service. It is not stored.",
    on_enter: "Enter counts as a wrong password.",
    yes: None,
};

const SSH_KEY: Known = Known {
    meaning: "SSH asks for the passphrase of your key, to fetch source code. It is not stored.",
    on_enter: "Enter counts as a wrong passphrase.",
    yes: None,
};

const USER_NAME: Known = Known {
    meaning: "git asks for the user name of a source code server.",
    on_enter: "Enter counts as an empty name.",
    yes: None,
};

/// Tells what is asked by a prompt, given the unfinished last line of the terminal and the lines before it.
#[must_use]
pub fn explain(prompt: &str) -> Option<Known> {
    let has = |text: &str| prompt.contains(text);
    if has("Do you have a snapshot of all Lino sites") {
        Some(SNAPSHOTS)
    } else if has("-m pip install") && (has("[Y/n]") || has("[Y,n]")) {
        Some(PIP)
    } else if has("Are you sure") && (has("[Y/n]") || has("[Y,n]")) {
        Some(FLUSH)
    } else if has("Type 'yes' to continue") {
        Some(STATIC)
    } else if has("[sudo] ") || prompt.trim_end() == "Password:" {
        Some(SUDO)
    } else if has("Enter passphrase for key") {
        Some(SSH_KEY)
    } else if has("Username for '") {
        Some(USER_NAME)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompts_of_real_commands_are_known() {
        let cases = [
            ("Do you have a snapshot of all Lino sites ? [yN] ", Some(SNAPSHOTS)),
            ("Are you sure? [Y/n]: ", Some(FLUSH)),
            ("Are you sure (y/n) ? [Y,n]?", Some(FLUSH)),
            ("/srv/env/bin/python -m pip install --upgrade pip lino ? [Y/n]: ", Some(PIP)),
            ("Type 'yes' to continue, or 'no' to cancel: ", Some(STATIC)),
            ("[sudo] password for anna: ", Some(SUDO)),
            ("Loading 212 objects to table contacts_person... ", None),
            ("Are you sure you want to do this?", None),
        ];
        let found: Vec<_> = cases.iter().map(|(prompt, _)| (*prompt, explain(prompt))).collect();
        assert_eq!(found, cases);
    }

    #[test]
    fn a_password_is_never_answered_by_the_program() {
        assert_eq!(explain("[sudo] password for anna: ").and_then(|known| known.yes), None);
    }
}
