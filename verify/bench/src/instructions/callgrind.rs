//! Counts under valgrind's callgrind: of one proxy, between two dumps, in its workers only.
//! It must leave out what a proxy does by the clock, which happens in its main thread, and what it did at its start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::load::{Engine, Load, Pace, Reply, Requests, request};
use crate::peers::{Proxy, SERVICE};
use crate::system::program;

const CONNECTIONS: usize = 10;
const BYTES: usize = 64;
/// Requests before the counting begins: connections, pools and tables are there then.
const WARM_UP: usize = 1000;
/// Requests that are counted.
const COUNTED: usize = 3000;
/// Writes the counts so far and sets them back to zero.
const DUMP: &str = "dump";
/// How long either may take: a program runs some fifty times slower under callgrind.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The command under which a proxy runs. Its dumps go to `folder`, a file for each thread.
pub(super) fn wrapper(folder: &Path) -> Result<Vec<String>> {
    let valgrind = program("valgrind").context("valgrind is not installed")?;
    Ok(vec![
        valgrind.to_string_lossy().into_owned(),
        "--tool=callgrind".to_owned(),
        "--separate-threads=yes".to_owned(),
        // Thousands of services are looked up before anything is counted, and that is slow enough without counting.
        "--instr-atstart=no".to_owned(),
        format!("--callgrind-out-file={}/dump.%p", folder.display()),
    ])
}

/// Instructions in user mode for each request.
pub(super) fn count(engine: &mut Engine, proxy: &Proxy, folder: &Path) -> Result<f64> {
    engine.set_reply(Reply::of(BYTES));
    engine.tally.clear();
    tell(proxy, "instrumentation on")?;
    let requests = requests(WARM_UP);
    engine.begin(Load { target: proxy.address, connections: CONNECTIONS, requests, pace: Pace::Closed })?;
    engine.run_to(WARM_UP as u64, TIME_MAX)?;
    tell(proxy, DUMP)?;
    let before = dumps(folder, proxy)?;
    engine.resume(self::requests(COUNTED));
    engine.run_to((WARM_UP + COUNTED) as u64, TIME_MAX)?;
    tell(proxy, DUMP)?;
    tell(proxy, "instrumentation off")?;
    let counted: Vec<_> = dumps(folder, proxy)?.into_iter().filter(|file| !before.contains(file)).collect();
    engine.end()?;
    ensure!(!counted.is_empty(), "callgrind wrote no dump into {}", folder.display());
    let sum = counted.iter().map(|file| read(file)).sum::<Result<u64>>()?;
    Ok(sum as f64 / COUNTED as f64)
}

fn requests(count: usize) -> Requests {
    let request = request(SERVICE);
    Requests::Each(std::iter::repeat_with(|| Rc::clone(&request)).take(count).collect())
}

/// Gives callgrind a command and waits until it is done.
fn tell(proxy: &Proxy, command: &str) -> Result<()> {
    let vgdb = program("vgdb").context("vgdb is not installed")?;
    let output = Command::new(vgdb).arg(format!("--pid={}", proxy.pid())).args(command.split(' ')).output();
    let output = output.context("vgdb cannot be started")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "callgrind does not take {command}: {}", complaint.trim());
    Ok(())
}

fn dumps(folder: &Path, proxy: &Proxy) -> Result<Vec<PathBuf>> {
    let prefix = format!("dump.{}.", proxy.pid());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix(&prefix).is_some_and(is_worker) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Whether what follows the process in a file's name, `PART-THREAD`, names another thread than the main one.
pub(super) fn is_worker(part: &str) -> bool {
    part.split_once('-').and_then(|(_, thread)| thread.parse::<u32>().ok()).is_some_and(|thread| thread > 1)
}

fn read(file: &Path) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse_total(&text).with_context(|| format!("{} names no total", file.display()))
}

/// The sum of all counts in a dump. One of a thread that did nothing may lack it.
pub(super) fn parse_total(text: &str) -> Option<u64> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    value("totals:").or_else(|| value("summary:"))
}
