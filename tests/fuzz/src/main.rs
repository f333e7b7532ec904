//! The fuzzer: it feeds the target that `FUZZ_TARGET` names.
#![no_main]

#[path = "bodies/mod.rs"]
mod bodies;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(init: begin(), |data: &[u8]| {
    if let Some(run) = TARGET.get() {
        run(data);
    }
});

fn begin() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = bodies::TARGETS.iter().find(|(known, _)| *known == name);
    let (_, run) = found.unwrap_or_else(|| panic!("FUZZ_TARGET names no target: {name:?}"));
    let _ = TARGET.set(*run);
    // A panic ends the fuzzer before anybody could catch it; those that the emulator catches are no findings.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !lino_upgrade::ui::emulator::is_guarded() {
            hook(panic);
        }
    }));
}
