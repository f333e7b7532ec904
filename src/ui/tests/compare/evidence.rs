//! Evidence and scripts as a real jump from noi 25.1.1 to 26.9.2 has them, made smaller.

use crate::compare::sides::{Line, Pair, Part, State};
use crate::compare::{
    Change, Class, Difference, Effect, Evidence, Example, Found, Guess, Renaming, Source, Subject, Touched, Verdict,
};

pub fn found(class: Class, subject: Subject, change: Change, sentence: &str, rows: u64) -> Found {
    Found {
        sources: vec![Source::Scripts, Source::Models],
        difference: Difference { class, subject, change, sentence: sentence.into(), questions: Vec::new() },
        touched: Touched::Rows(rows),
        examples: Vec::new(),
        effect: Effect::Loads,
        remedy: None,
    }
}

pub fn field(model: &str, field: &str) -> Subject {
    Subject::Field(model.into(), field.into())
}

fn example(file: &str, line: u64, key: &str) -> Example {
    Example { file: file.into(), line, key: key.into() }
}

fn gone(model: &str, rows: u64) -> Found {
    let table = model.to_lowercase().replace('.', "_");
    Found {
        examples: (0..rows.min(3)).map(|at| example(&format!("{table}.py"), at + 6, &(at + 1).to_string())).collect(),
        effect: Effect::Stops { file: format!("{table}.py") },
        remedy: Some(format!(
            "Comment out the line of {table}.py in restore.py if these rows are not needed any more, or ask the \
             application's developer where they belong now."
        )),
        ..found(
            Class::Destructive,
            Subject::Model(model.into()),
            Change::Removed,
            &format!("The model {model} is gone."),
            rows,
        )
    }
}

pub fn decide() -> Evidence {
    let mut summary = found(
        Class::Destructive,
        field("tickets.Ticket", "summary"),
        Change::Removed,
        "The field summary of tickets.Ticket is gone.",
        116,
    );
    summary.examples = vec![example("tickets_ticket.py", 6, "1"), example("tickets_ticket.py", 7, "2")];
    summary.effect = Effect::Stops { file: "tickets_ticket.py".into() };
    summary.remedy = Some("Say first whether it was renamed.".into());
    let mut shorter = found(
        Class::DataDependent,
        field("contacts.Partner", "name"),
        Change::Length { from: Some(200), to: Some(100) },
        "The field name of contacts.Partner may have 100 letters, and had 200.",
        2,
    );
    shorter.effect = Effect::Fails(2);
    shorter.sources = vec![Source::Models, Source::Catalogue];
    shorter.examples = vec![example("contacts_partner.py", 12, "106"), example("contacts_partner.py", 90, "184")];
    shorter.remedy = Some("Shorten these names on the old site, or in the triage.".into());
    let mut choices = found(
        Class::DataDependent,
        field("users.User", "user_type"),
        Change::Choices { added: vec![], removed: vec!["500".into()] },
        "The field user_type of users.User has no choice 500 any more.",
        0,
    );
    choices.touched = Touched::Unknown("the row file users_user.py cannot be read".into());
    choices.effect = Effect::Unknown;
    let title = found(
        Class::Additive,
        field("tickets.Ticket", "title"),
        Change::Added,
        "The field title of tickets.Ticket is new.",
        116,
    );
    let model = found(
        Class::Additive,
        Subject::Model("peppol.Supplier".into()),
        Change::Added,
        "The model peppol.Supplier is new.",
        0,
    );
    let column = found(
        Class::Additive,
        Subject::Column("uploads_upload".into(), "sha256".into()),
        Change::Added,
        "Column sha256 of table uploads_upload is missing in the database.",
        0,
    );
    let noise = |sentence: &str| found(Class::Noise, Subject::Site, Change::Optional, sentence, 0);
    Evidence {
        versions: [Some("25.1.1".into()), Some("26.9.2".into())],
        verdict: Verdict::Decide,
        sentence: "315 rows belong to models that are gone, 2 rows would be refused, and 1 field was probably renamed."
            .into(),
        found: vec![
            gone("cal.Event", 284),
            gone("cal.EventType", 28),
            gone("lists.ListType", 3),
            summary,
            shorter,
            choices,
            title,
            model,
            column,
        ],
        noise: vec![
            noise("The scripts name different settings modules."),
            noise("The import of make_aware is written differently."),
        ],
        renamings: vec![Renaming {
            guess: Guess {
                from: field("tickets.Ticket", "summary"),
                to: field("tickets.Ticket", "title"),
                because: "The same type, a similar place, and the same text in 116 of 116 rows.".into(),
            },
            decided: None,
        }],
        said: vec![
            (Source::Scripts, "16 models are gone, 6 are new, 9 differ.".into()),
            (Source::Models, "21 fields are new, 2 accept less than before.".into()),
            (Source::Catalogue, "The database lacks 27 columns that the new version expects.".into()),
            (Source::Migrator, "No method of the migrator runs for 25.1.1.".into()),
        ],
        left_out: Vec::new(),
    }
}

pub fn skip() -> Evidence {
    Evidence {
        versions: [Some("26.9.1".into()), Some("26.9.2".into())],
        verdict: Verdict::Skip,
        sentence: "The database is already as the new version wants it: 95 tables and 1 204 columns agree, no field \
                   accepts less than before, and no migrator would run."
            .into(),
        found: Vec::new(),
        noise: decide().noise,
        renamings: Vec::new(),
        said: vec![
            (Source::Scripts, "They differ in noise only.".into()),
            (Source::Models, "They are equal.".into()),
            (Source::Catalogue, "All 1 204 columns are as the new version expects them.".into()),
            (Source::Migrator, "There is none.".into()),
        ],
        left_out: Vec::new(),
    }
}

pub fn restore() -> Evidence {
    Evidence {
        verdict: Verdict::Restore,
        sentence: "Nothing proves that it may be left out: the database could not be read.".into(),
        said: vec![(Source::Scripts, "They differ in noise only.".into())],
        left_out: vec![
            "The database's catalogue was not read: permission denied for schema public.".into(),
            "The models before the pull are not known, since the run was begun after it.".into(),
        ],
        ..skip()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "sides of a pair are optional")]
fn line(number: usize, pieces: &[(&str, bool)]) -> Option<Line> {
    Some(Line { number, pieces: pieces.iter().map(|(text, differs)| ((*text).to_owned(), *differs)).collect() })
}

fn equal(old: usize, new: usize, text: &str) -> Pair {
    Pair { old: line(old, &[(text, false)]), new: line(new, &[(text, false)]) }
}

fn only_old(number: usize, text: &str) -> Pair {
    Pair { old: line(number, &[(text, true)]), new: None }
}

pub fn sections() -> Vec<(Part, State, Vec<Pair>)> {
    let function =
        |model: &str| Part::Function { table: model.to_lowercase().replace('.', "_"), model: Some(model.to_owned()) };
    let heading = vec![
        equal(1, 1, "#!/usr/bin/env python"),
        Pair {
            old: line(2, &[("SOURCE_VERSION = '", false), ("25.1.1", true), ("'", false)]),
            new: line(2, &[("SOURCE_VERSION = '", false), ("26.9.2", true), ("'", false)]),
        },
    ];
    let event = vec![
        only_old(3, "def create_cal_event(id, summary, start_date):"),
        only_old(4, "    kw = dict()"),
        only_old(5, "    kw.update(id=id)"),
        only_old(6, "    kw.update(summary=summary)"),
        only_old(7, "    kw.update(start_date=start_date)"),
        only_old(8, "    return cal_Event(**kw)"),
    ];
    let partner = (0..30).map(|at| equal(9 + at, 3 + at, &format!("    kw.update(field_{at}=field_{at})"))).collect();
    let mut ticket = vec![Pair {
        old: line(
            39,
            &[
                ("def create_tickets_ticket(id, ref, ", false),
                ("summary", true),
                (", description, upgrade_notes, ticket_type, duplicate_of_id, end_user_id, state):", false),
            ],
        ),
        new: line(
            33,
            &[
                ("def create_tickets_ticket(id, ref, ", false),
                ("title", true),
                (", description, upgrade_notes, ticket_type, duplicate_of_id, end_user_id, state):", false),
            ],
        ),
    }];
    ticket.extend((0..18).map(|at| equal(40 + at, 34 + at, &format!("    kw.update(value_{at}=value_{at})"))));
    ticket.push(Pair {
        old: line(58, &[("    kw.update(", false), ("summary=summary", true), (")", false)]),
        new: line(52, &[("    kw.update(", false), ("title=title", true), (")", false)]),
    });
    ticket.push(Pair { old: None, new: line(53, &[("    kw.update(日本語=\u{1b}[31mred\u{202e})", true)]) });
    ticket.push(equal(59, 54, "    return tickets_Ticket(**kw)"));
    vec![
        (Part::Other("heading"), State::Noise, heading),
        (function("cal.Event"), State::Removed, event),
        (function("contacts.Partner"), State::Equal, partner),
        (function("tickets.Ticket"), State::Changed, ticket),
    ]
}
