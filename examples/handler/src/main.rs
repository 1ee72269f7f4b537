//! `mesher` with a handler of its own, `team`: calls have to say for which team they are, and the callee is told its budget.
//! It must hold nothing of the mesh: one handler, and one line that brings it along.

use std::cell::Cell;
use std::io::{Write as _, stderr};
use std::process::ExitCode;

use mesher::handler::{Call, Direction, Ended, Handler, Refusal, Registration, Reply};

/// The field that names the team.
const TEAM: &str = "x-team";
/// The field that the callee gets.
const ACCOUNT: &str = "x-account";

/// There is one for each worker thread, so a plain cell counts.
#[derive(Default)]
struct Team {
    refused: Cell<u64>,
}

impl Handler for Team {
    fn request(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
        // A flow of bytes has no fields to ask for.
        if call.method().is_none() {
            return Ok(());
        }
        let team = call.field(TEAM).and_then(|team| String::from_utf8(team).ok());
        let Some(team) = team.filter(|team| !team.is_empty()) else {
            self.refused.set(self.refused.get() + 1);
            return Err(Refusal::new(403, format!("say for which team you call: {TEAM}")));
        };
        let whose = match call.direction() {
            Direction::Consumer => call.service().to_owned(),
            Direction::Provider => call.caller().to_owned(),
        };
        call.set_field(ACCOUNT, &format!("{team}/{whose}"))
            .map_err(|fault| Refusal::new(400, format!("{TEAM}: {fault}")))
    }

    fn response(&self, call: &Call<'_>, reply: Reply) {
        if let Reply::Failed(word) = reply {
            let _ = writeln!(stderr(), "team: a try of {} failed: {word}", call.id());
        }
    }

    fn finish(&self, ended: &Ended<'_>) {
        if ended.status == Some(403) {
            let _ = writeln!(stderr(), "team: {} refused so far, {} the last", self.refused.get(), ended.id);
        }
    }
}

fn main() -> ExitCode {
    mesher::main_with(vec![Registration::new("team", || Box::new(Team::default()))])
}
