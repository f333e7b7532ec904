//! The program's entry: hands the command line to `cli` and ends with its exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    lino_upgrade::cli::main()
}
