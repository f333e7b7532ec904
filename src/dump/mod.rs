//! Dump scripts and row files: pure readers of what `dump2py` writes.
