//! A program that the benchmark starts: pinned, its output in a file or in a pipe, ended with it.
//! It must leave no process behind: one that is left over could share a later run's port and halve its figures.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mesher_verify::machine::descendants;
use mesher_verify::patience::pause;
use mesher_verify::process::{Signal, send};

use super::affinity::{GENERATOR, Processor, pin_self};
use super::surroundings::program;

/// How long a program may take to end by itself.
const END_TIME_MAX: Duration = Duration::from_secs(3);

/// A command of a program that ends with this one, whatever ends it.
pub(crate) fn command(file: &Path) -> Command {
    let Some(setpriv) = program("setpriv") else { return Command::new(file) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--"]).arg(file);
    command
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Child {
    child: std::process::Child,
    name: String,
}

impl Child {
    /// Starts a program on a processor. Its standard error goes to `log`, its standard output to a pipe.
    pub(crate) fn start(command: &mut Command, name: &str, processor: Processor, log: &Path) -> Result<Self> {
        let errors = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        pin_self(processor)?;
        let child = command.spawn();
        pin_self(GENERATOR)?;
        let child = child.with_context(|| format!("{name} cannot be started: {command:?}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line that it prints. Nothing that it prints later is read.
    pub(crate) fn first_line(&mut self) -> Result<String> {
        let output = self.child.stdout.take().context("its output was read before")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.is_empty() {
            bail!("{} ended without a word", self.name);
        }
        Ok(line.trim_end().to_owned())
    }

    /// Asks it to end, and waits until it has. It fails where it did not end with success.
    pub(crate) fn end(mut self, limit: Duration) -> Result<()> {
        let status = self.ask_to_end(limit)?.with_context(|| format!("{} does not end", self.name))?;
        ensure!(status.success(), "{} did not end well: {status}", self.name);
        Ok(())
    }

    /// Asks it to end. `None` where it has not after this time.
    fn ask_to_end(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        send(self.pid(), Signal::TERM);
        let limit = Instant::now() + limit;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < limit => pause(),
                status => return Ok(status),
            }
        }
    }

    /// Fails where it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} has ended: {status}", self.name),
            None => Ok(()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another's.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let mut all = descendants(self.pid());
        if matches!(self.ask_to_end(END_TIME_MAX), Ok(None)) {
            all.push(self.pid());
        }
        all.into_iter()
            .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
            .for_each(|pid| send(pid, Signal::KILL));
        let _ = self.child.wait();
    }
}
