//! One request's way through the proxy, one file per stage, in travel order.
//! No stage may hold a buffer while it waits for nothing but the next message, and none may panic on foreign bytes.
//!
//! ```text
//! accept → serve | flow → invoke → [chain, top to bottom] → forward → (upstream)
//!                             forward → [chain, bottom to top] → relay → finish
//! ```
//!
//! | file | stage |
//! |---|---|
//! | `accept` | takes connections from a listener and starts one task for each |
//! | `serve` | the loop of an HTTP/1.1 connection: read a head, make an invocation, run it, go on or close |
//! | `flow` | the same for an opaque TCP connection: one flow, one invocation |
//! | `target` | host → cluster, with one bounded look-up for a name that was never asked for |
//! | `invocation` | the neutral call, and what a protocol must offer to have its calls handled |
//! | `invoke` | one invocation from start to outcome: the chain down, `forward`, the chain up, one exit |
//! | `forward` | the last step of the chain: the endpoint, the try |
//! | `limits` | how long that may take, where rules say so |
//! | `deadline` | the time that is left, as one hop tells it to the next |
//! | `upstream` | a connection for a try, from the pool or new, within its bounds |
//! | `exchange` | HTTP/1.1's side of a call: send it, bring the answer back, or say why there is none |
//! | `attempt` | one try of that, and a second one beside it |
//! | `converse` | the two halves of that on the connections: up to the answer's head, and the answer's body |
//! | `answering` | what becomes of an answer, and of the two connections behind it |
//! | `edits` | heads as they leave: as they came, or as a rule changes them |
//! | `tries` | whom a call went to, and what a further try may do |
//! | `hedge` | when a second try begins beside the first, and what becomes of both |
//! | `spent` | who may try again: what a proxy tells those before it |
//! | `mirror` | copies of calls for those whom a rule names beside the callee |
//! | `reply` | reading the head of an answer, watching the caller who waits |
//! | `pump` | one direction of a body or a flow, with back-pressure |
//! | `brake` | how fast a body may come that a rule slows down |
//! | `tunnel` | both directions of an opaque flow, or of what follows an upgrade |
//! | `vigil` | how long an exchange waits for whom |
//! | `falling` | what a call falls back on that failed |
//! | `failure` | how an invocation can go wrong: side, kind, whether a further try is safe |
//! | `blame` | what a reply says of the callee, for those who count |
//! | `stand_in` | answers that keys of ServiceComb ask for in place of a refusal |
//! | `faults` | what a broken or silent connection means for its call |
//! | `respond` | the one table from failure to status, and the answer's bytes |
//! | `own_answer` | the bytes of an answer that a rule gives itself |
//! | `finish` | what is recorded of every invocation |

pub(crate) mod accept;
mod answering;
mod attempt;
pub(crate) mod blame;
mod brake;
pub(crate) mod converse;
pub(crate) mod deadline;
pub(crate) mod edits;
pub(crate) mod exchange;
pub(crate) mod failure;
pub(crate) mod falling;
pub(crate) mod faults;
pub(crate) mod finish;
pub(crate) mod flow;
pub(crate) mod forward;
pub(crate) mod hedge;
pub(crate) mod invocation;
pub(crate) mod invoke;
pub(crate) mod limits;
pub(crate) mod mirror;
pub(crate) mod own_answer;
pub(crate) mod pump;
pub(crate) mod reply;
pub(crate) mod respond;
pub(crate) mod serve;
pub(crate) mod spent;
pub(crate) mod stand_in;
pub(crate) mod target;
pub(crate) mod tries;
pub(crate) mod tunnel;
pub(crate) mod upstream;
pub(crate) mod vigil;

#[cfg(test)]
mod tests;
