//! A started program: what it says, how it is signalled, how it ends.
//! It must leave no process behind, however a test ends.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, kill_process, kill_process_group};

pub use rustix::process::Signal;

use crate::machine;
use crate::patience::{fail, until, until_within};

/// What a program has written so far.
#[derive(Debug, Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn of(source: impl Read + Send + 'static) -> Self {
        let capture = Self::default();
        let shared = capture.clone();
        std::thread::spawn(move || shared.fill(source));
        capture
    }

    fn fill(&self, mut source: impl Read) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = source.read(&mut buffer) {
            let bytes = buffer.get(..read).unwrap_or_default();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// How a program ended, with all that it said.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

/// A started program. Dropped, it is ended at once with everything that it has started, and in a test that fails its
/// standard error is shown.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    output: Capture,
    errors: Capture,
}

impl Process {
    /// Starts a program without input.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| fail(&format!("{name}: {error}")));
        let output = Capture::of(child.stdout.take().expect("the output is piped"));
        let errors = Capture::of(child.stderr.take().expect("the errors are piped"));
        Self { child, name, output, errors }
    }

    /// Starts a program with an input and an output of the test's own. What it writes there is not heard.
    #[track_caller]
    pub fn start_with(command: &mut Command, input: Stdio, output: Stdio) -> Self {
        let name = format!("{command:?}");
        command.stdin(input).stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| fail(&format!("{name}: {error}")));
        let errors = Capture::of(child.stderr.take().expect("the errors are piped"));
        Self { child, name, output: Capture::default(), errors }
    }

    /// Runs a program to its end.
    #[track_caller]
    pub fn run(command: &mut Command) -> Ended {
        Self::start(command).ended()
    }

    /// Waits until it has ended, and until all that it said is here. It must not leave anything behind that could still
    /// speak.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let status = self.wait();
        // The pipes are closed once the program has ended: what it said is there or about to be.
        let settled = || {
            let held = Arc::strong_count(&self.output.0) + Arc::strong_count(&self.errors.0);
            (held == 2).then_some(())
        };
        until("all output has been read", settled);
        Ended { code: status.code(), output: self.output(), errors: self.errors() }
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line of its output, once it is whole.
    #[track_caller]
    pub fn first_line(&mut self) -> String {
        let name = self.name.clone();
        until(&format!("a first line of {name}"), || {
            if let Some((line, _)) = self.output.text().split_once('\n') {
                return Some(line.to_owned());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                fail(&format!("{name} said nothing and ended: {status}\n{}", self.errors()));
            }
            None
        })
    }

    /// What it has written to standard output so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What it has written to standard error so far.
    pub fn errors(&self) -> String {
        self.errors.text()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Sends a signal to all of its group, as Ctrl-C in a terminal does. It must lead a group of its own.
    pub fn signal_group(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Ends it at once, as a crash does, and nothing that it has started.
    pub fn crash(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_within(crate::patience::LIMIT)
    }

    /// As [`Self::wait`], with a bound of its own.
    #[track_caller]
    pub fn wait_within(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        until_within(limit, &what, || self.child.try_wait().expect("the system tells of a child"))
    }

    /// Asks it to end with SIGTERM, and waits until it has. Returns its exit code.
    #[track_caller]
    pub fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait().code()
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Sends a signal to a process that a test has started. One that has ended gets none.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended in this moment.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the harness shows it with the test that failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- standard error of {}\n{}---", self.name, self.errors());
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            // Whoever started processes ends them in its own time, and a failed test waits for nobody.
            let all = machine::descendants(self.pid());
            self.signal(Signal::KILL);
            all.into_iter().for_each(|pid| send(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}
