//! The `mesher` binary: hands everything to the library.
//! It must hold nothing else, so that a build with handlers of its own is one line as well.

fn main() -> std::process::ExitCode {
    mesher::main()
}
