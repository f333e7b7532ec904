//! Evidence and scripts as nobody would expect them.

use std::sync::Arc;

use proptest::prelude::*;

use super::paths;
use crate::compare::sides::{Line, Pair, Part, State};
use crate::compare::{
    Change, Class, Difference, Effect, Evidence, Example, Found, Guess, Renaming, Source, Subject, Touched, Verdict,
};
use crate::engine::Event;
use crate::ui::scripts_view::Aligned;
use crate::ui::state::Msg;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("cal.Event".to_owned()), Just("tickets.Ticket".to_owned()), ".{0,60}"]
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        Just(Subject::Site),
        name().prop_map(Subject::Model),
        (name(), ".{0,20}").prop_map(|(model, field)| Subject::Field(model, field)),
        name().prop_map(Subject::Table),
        (name(), ".{0,20}").prop_map(|(table, column)| Subject::Column(table, column)),
    ]
}

fn found() -> impl Strategy<Value = Found> {
    let class = prop::sample::select(vec![Class::Noise, Class::Additive, Class::DataDependent, Class::Destructive]);
    let change = prop_oneof![
        Just(Change::Added),
        Just(Change::Removed),
        ".{0,9}".prop_map(Change::LanguageAdded),
        Just(Change::Unlimited),
    ];
    let touched = prop_oneof![any::<u64>().prop_map(Touched::Rows), ".{0,90}".prop_map(Touched::Unknown)];
    let effect = prop_oneof![
        Just(Effect::Loads),
        any::<u64>().prop_map(Effect::Fails),
        any::<u64>().prop_map(Effect::Loses),
        ".{0,40}".prop_map(|file| Effect::Stops { file }),
        Just(Effect::Refuses),
    ];
    let example = (".{0,40}", any::<u64>(), ".{0,40}").prop_map(|(file, line, key)| Example { file, line, key });
    let told = (".{0,300}", any::<Option<String>>(), prop::collection::vec(example, 0..8));
    (class, subject(), change, touched, effect, told).prop_map(
        |(class, subject, change, touched, effect, (sentence, remedy, examples))| Found {
            sources: vec![Source::Scripts],
            difference: Difference { class, subject, change, sentence, questions: Vec::new() },
            touched,
            examples,
            effect,
            remedy,
        },
    )
}

fn renaming() -> impl Strategy<Value = Renaming> {
    (subject(), subject(), ".{0,90}", any::<Option<bool>>())
        .prop_map(|(from, to, because, decided)| Renaming { guess: Guess { from, to, because }, decided })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (
        prop::sample::select(vec![Verdict::Skip, Verdict::Restore, Verdict::Decide]),
        ".{0,600}",
        prop::collection::vec(found(), 0..12),
        prop::collection::vec(found(), 0..12),
        prop::collection::vec(renaming(), 0..6),
        prop::collection::vec(".{0,200}", 0..4),
    )
        .prop_map(|(verdict, sentence, found, noise, renamings, left_out)| Evidence {
            versions: [None, Some(sentence.chars().take(9).collect())],
            verdict,
            sentence,
            found,
            noise,
            renamings,
            said: left_out.iter().map(|said| (Source::Catalogue, said.clone())).collect(),
            left_out,
        })
}

/// The engine tells evidence, with scripts or without.
pub fn event() -> impl Strategy<Value = Event> {
    (evidence(), any::<bool>())
        .prop_map(|(evidence, with)| Event::Compared { evidence: Box::new(evidence), scripts: with.then(paths) })
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let line = (any::<usize>(), prop::collection::vec((".{0,90}", any::<bool>()), 0..4))
        .prop_map(|(number, pieces)| Line { number, pieces });
    let pair = (prop::option::of(line.clone()), prop::option::of(line)).prop_map(|(old, new)| Pair { old, new });
    prop::collection::vec(pair, 0..20)
}

/// Scripts were read.
pub fn scripts() -> impl Strategy<Value = Msg> {
    let part = prop_oneof![
        (name(), any::<Option<String>>()).prop_map(|(table, model)| Part::Function { table, model }),
        Just(Part::Other("heading")),
    ];
    let state = prop::sample::select(vec![State::Equal, State::Changed, State::Noise, State::Removed, State::Added]);
    let sections = prop::collection::vec((part, state, pairs()), 0..6);
    let read = prop_oneof![
        4 => sections.prop_map(|sections| Ok(Arc::new(Aligned::known(sections)))),
        1 => prop::collection::vec(".{0,200}", 0..3).prop_map(Err),
    ];
    read.prop_map(|read| Msg::Scripts { paths: paths(), read })
}
