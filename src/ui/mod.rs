//! The wizard: app, state, update, keymap, style, screens and widgets.
