//! Evidence for the scripted engine: what a jump from noi 25.1.1 to 26.9.2 may look like. No part of the product.

#![allow(clippy::format_push_string, reason = "a test tool")]

use lino_upgrade::compare::{
    Change, Class, Difference, Effect, Evidence, Example, Found, Guess, Renaming, Source, Subject, Touched, Verdict,
};

fn found(class: Class, subject: Subject, change: Change, sentence: &str, rows: u64) -> Found {
    let table = subject.place().0.to_lowercase().replace('.', "_");
    let file = format!("{table}.py");
    let effect = match change {
        Change::Removed if rows > 0 => Effect::Stops { file: file.clone() },
        _ => Effect::Loads,
    };
    let remedy = (effect != Effect::Loads).then(|| {
        format!(
            "Comment out the line of {file} in restore.py if these rows are not needed any more, or ask the developer."
        )
    });
    Found {
        sources: vec![Source::Scripts, Source::Models],
        examples: (0..rows.min(3))
            .map(|at| Example { file: file.clone(), line: at + 6, key: at.to_string() })
            .collect(),
        difference: Difference { class, subject, change, sentence: sentence.into(), questions: Vec::new() },
        touched: Touched::Rows(rows),
        effect,
        remedy,
    }
}

fn field(model: &str, field: &str) -> Subject {
    Subject::Field(model.into(), field.into())
}

/// Evidence with this word about its renaming.
pub fn evidence(decided: Option<bool>) -> Evidence {
    let gone = [("cal.Event", 284), ("cal.EventType", 28), ("cal.Calendar", 0), ("lists.ListType", 3)];
    let mut all: Vec<Found> = gone
        .iter()
        .map(|(model, rows)| {
            let class = if *rows == 0 { Class::Additive } else { Class::Destructive };
            let sentence = format!("The model {model} is gone.");
            found(class, Subject::Model((*model).into()), Change::Removed, &sentence, *rows)
        })
        .collect();
    all.push(found(
        Class::Destructive,
        field("users.User", "open_session_on_new_ticket"),
        Change::Removed,
        "The field open_session_on_new_ticket of users.User is gone.",
        6,
    ));
    let mut shorter = found(
        Class::DataDependent,
        field("contacts.Partner", "name"),
        Change::Length { from: Some(200), to: Some(100) },
        "The field name of contacts.Partner may have 100 letters, and had 200.",
        2,
    );
    shorter.effect = Effect::Fails(2);
    shorter.remedy = Some("Shorten these names on the old site, or in the triage.".into());
    all.push(shorter);
    all.push(found(
        Class::Additive,
        Subject::Model("peppol.Supplier".into()),
        Change::Added,
        "The model peppol.Supplier is new.",
        0,
    ));
    Evidence {
        versions: [Some("25.1.1".into()), Some("26.9.2".into())],
        verdict: Verdict::Decide,
        sentence: "315 rows belong to models that are gone, and 2 rows would be refused.".into(),
        found: all,
        noise: (0..12)
            .map(|at| {
                let sentence = format!("Import {at} is written differently.");
                found(Class::Noise, Subject::Site, Change::Optional, &sentence, 0)
            })
            .collect(),
        renamings: vec![Renaming {
            guess: Guess {
                from: field("users.User", "open_session_on_new_ticket"),
                to: field("users.User", "open_session"),
                because: "The same type, and the same value in 6 of 6 rows.".into(),
            },
            decided,
        }],
        said: vec![
            (Source::Scripts, "16 models are gone, 6 are new, 9 differ.".into()),
            (Source::Models, "21 fields are new, 2 accept less than before.".into()),
            (Source::Catalogue, "The database lacks 27 columns that the new version expects.".into()),
            (Source::Migrator, "No method of the migrator runs for 25.1.1.".into()),
        ],
        left_out: vec!["The row file uploads_upload.py has a line that cannot be read: line 12.".into()],
    }
}

/// A script of so many lines, of which every hundredth differs between sides.
pub fn long_script(lines: usize, side: &str) -> String {
    let mut text = format!("SOURCE_VERSION = '{side}'\n");
    for at in 0..lines / 10 {
        text.push_str(&format!("def create_big_table{at}(id, name):\n    kw = dict()\n"));
        for line in 0..7 {
            let value = if line == 0 && at % 10 == 0 { side } else { "same" };
            text.push_str(&format!("    kw.update(field_{line}_{value}=field_{line})\n"));
        }
        text.push_str(&format!("    return big_Table{at}(**kw)\n"));
    }
    text
}
