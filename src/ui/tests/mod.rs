//! Tests of the wizard: messages in, actions and screens out.
