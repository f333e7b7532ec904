//! Parts of screens that have some logic of drawing of their own.

pub mod log_pane;
pub mod shell_pane;
pub mod steps;
