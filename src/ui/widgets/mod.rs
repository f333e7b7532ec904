//! Parts of screens that have some logic of drawing of their own.

pub mod list_row;
pub mod log_pane;
pub mod needle;
pub mod shell_pane;
pub mod steps;
