//! The control plane is away while calls flow and instances die: row RG-05 of the bad inputs and faults.
//! It must lose no call that an instance which still lives could serve.

use std::time::{Duration, Instant};

use mesher_verify::machine::{descendant, descendants};
use mesher_verify::mesh::{ANY_PORT, Control, Pair, Proxy, QUESTION, ask_calculator};
use mesher_verify::patience::{throughout, until, until_within};
use mesher_verify::process::{Signal, send};
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;
use tempfile::TempDir;

/// Instances at first; all but one die.
const INSTANCES: usize = 5;
/// Within this time a proxy has come back to a control plane that was away for long, by chance, and heard of what is new.
const RETURN_TIME_MAX: Duration = Duration::from_secs(120);
/// Calls that must be answered between two deaths.
const CALLS: u64 = 50;

#[test]
fn rg_05_instances_die_while_the_control_plane_is_away_and_no_call_is_lost() {
    let away = Duration::from_secs(scaled(3, 600));
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    let address = control.address.to_string();
    let mut pairs: Vec<_> =
        (0..INSTANCES).map(|number| Pair::calculator(&control, &format!("0.0.{number}"))).collect();
    let survivor = pairs.pop().unwrap();
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    until("all instances are known", || {
        (caller.addresses.endpoints("calculator").len() == INSTANCES).then_some(())
    });
    let outbound = caller.addresses.outbound;
    let fresh = Traffic::get(outbound, &format!("http://calculator{QUESTION}"));
    let kept = Traffic::get_kept(outbound, "calculator", QUESTION);
    fresh.flow(CALLS);

    control.process.crash();
    let begun = Instant::now();
    let part = away / u32::try_from(INSTANCES).unwrap();
    for (number, pair) in pairs.iter_mut().enumerate() {
        throughout(part, || Ok(()));
        // The proxy, the application, or both: each leaves the other end of a connection in another state.
        match number % 3 {
            0 => send(descendant(pair.process.pid(), &["proxy"]).unwrap(), Signal::KILL),
            1 => send(descendant(pair.process.pid(), &["sample"]).unwrap(), Signal::KILL),
            _ => {
                descendants(pair.process.pid()).into_iter().for_each(|pid| send(pid, Signal::KILL));
                pair.process.crash();
            }
        }
        [&fresh, &kept].into_iter().for_each(|traffic| traffic.flow(CALLS));
    }
    throughout(away.saturating_sub(begun.elapsed()), || Ok(()));
    let answered = fresh.answered() + kept.answered();

    let control = Control::keeping(&directory, &address);
    let _newcomer = Pair::calculator(&control, "0.1.0");
    until_within(RETURN_TIME_MAX, "an answer of an instance that came after it", || {
        (ask_calculator(outbound).unwrap() == "0.1.0").then_some(())
    });
    [&fresh, &kept].into_iter().for_each(|traffic| traffic.flow(CALLS));
    fresh.end_without_failure();
    kept.end_without_failure();
    drop(survivor);
    tell(away, answered);
}

#[expect(clippy::print_stdout, reason = "the figures of a row are what a soak is read for")]
fn tell(away: Duration, answered: u64) {
    println!(
        "row rg_05: away for {away:?}, {} of {INSTANCES} instances died, {answered} calls, none lost",
        INSTANCES - 1
    );
}
