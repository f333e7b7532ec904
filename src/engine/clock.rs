//! The engine's clock: seconds since 1970, as the journal keeps them.

/// Returns the seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
