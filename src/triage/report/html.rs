//! The report as one HTML file: no script, nothing from a network, readable on a telephone and on paper.

use std::fmt::Write as _;

use super::markdown::capital;
use super::{Report, Told, Values};
use crate::messages::line::plain;

const STYLE: &str = include_str!("../../../assets/report.css");

/// Writes the report.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    let _ =
        writeln!(out, "<title>What the new version refuses</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>");
    out.push_str("<h1>What the new version refuses</h1>\n");
    for sentence in &report.origin {
        let _ = writeln!(out, "<p>{}</p>", escaped(sentence));
    }
    out.push_str(match report.values {
        Values::Masked => {
            "<p class=\"note\">Texts of rows are masked (▒▒▒), also in messages and tracebacks; numbers, dates, choices \
             and keys are not. <code>--with-values</code> tells them.</p>\n"
        }
        Values::Told => "<p class=\"note warn\">This report has values of rows: treat it as the data itself.</p>\n",
    });
    if !report.versions.is_empty() {
        out.push_str("<table>\n<tr><th></th><th>before</th><th>after</th></tr>\n");
        for (what, old, new) in &report.versions {
            let _ =
                writeln!(out, "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", escaped(what), escaped(old), escaped(new));
        }
        out.push_str("</table>\n");
    }
    let _ = writeln!(out, "<h2>Causes</h2>\n<p>{}</p>", escaped(&capital(&report.summary)));
    for (number, cause) in (1..).zip(&report.causes) {
        tell(&mut out, number, cause);
    }
    if report.more > 0 {
        let _ = writeln!(out, "<p>{} more causes are left off.</p>", report.more);
    }
    if !report.broken.is_empty() {
        out.push_str("<h2>What else failed</h2>\n");
        for (place, said, traceback) in &report.broken {
            let _ = writeln!(out, "<p><strong>{}</strong>: {}</p>", escaped(place), escaped(said));
            details(&mut out, "Traceback", traceback.as_deref());
        }
    }
    if !report.decisions.is_empty() {
        out.push_str("<h2>Decisions so far</h2>\n<ul>\n");
        for decision in &report.decisions {
            let _ = writeln!(out, "<li>{}</li>", escaped(decision));
        }
        out.push_str("</ul>\n");
    }
    if let Some(edits) = &report.edits {
        let _ = writeln!(out, "<h2>How restore.py was edited</h2>\n<pre>{}</pre>", lines(edits));
    }
    if let Some(migrator) = &report.migrator {
        let _ = writeln!(out, "<h2>The same as a migrator, to begin with</h2>\n<pre>{}</pre>", lines(migrator));
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn tell(out: &mut String, number: usize, cause: &Told) {
    let rows = if cause.rows == 1 { "1 row".to_owned() } else { format!("{} rows", cause.rows) };
    let _ = writeln!(
        out,
        "<section>\n<h3>{number}. {} <small>{rows}</small></h3>\n<ul class=\"said\">",
        escaped(&cause.model)
    );
    for (field, message) in &cause.messages {
        let field = if field.is_empty() { String::new() } else { format!("<strong>{}</strong>: ", escaped(field)) };
        let _ = writeln!(out, "<li>{field}{}</li>", escaped(message));
    }
    let exception =
        if cause.exception.is_empty() { String::new() } else { format!(" <code>{}</code>", escaped(&cause.exception)) };
    let _ = writeln!(out, "</ul>\n<p>{}{exception}</p>", cause.phase);
    if !cause.follow.is_empty() {
        let models: Vec<String> =
            cause.follow.iter().map(|(model, count)| format!("{count} of {}", escaped(model))).collect();
        let _ = writeln!(out, "<p>Rows that only follow from these: {}.</p>", models.join(", "));
    }
    for sample in &cause.samples {
        let place = sample.place.as_ref().map_or("not in the snapshot".to_owned(), |place| escaped(place));
        let _ = writeln!(
            out,
            "<table>\n<caption>{} <strong>{}</strong> ({place})</caption>\n<tr><th>field</th><th>kind</th><th>value</th></tr>",
            escaped(&cause.model),
            escaped(&sample.key)
        );
        for (name, kind, value) in &sample.fields {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(name),
                escaped(kind),
                escaped(value)
            );
        }
        out.push_str("</table>\n");
        for (head, names) in sample.empties() {
            let _ = writeln!(out, "<p>{head}: {}.</p>", escaped(&names));
        }
    }
    details(out, "Traceback", cause.traceback.as_deref());
    out.push_str("</section>\n");
}

fn details(out: &mut String, title: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = writeln!(out, "<details>\n<summary>{title}</summary>\n<pre>{}</pre>\n</details>", lines(text));
    }
}

fn escaped(text: &str) -> String {
    marked_up(&plain(text.replace('\n', " ").as_bytes()))
}

fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| marked_up(&plain(line.as_bytes()))).collect();
    lines.join("\n")
}

fn marked_up(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => found.push_str("&lt;"),
            '>' => found.push_str("&gt;"),
            '&' => found.push_str("&amp;"),
            '"' => found.push_str("&quot;"),
            '\'' => found.push_str("&#39;"),
            letter => found.push(letter),
        }
    }
    found
}
