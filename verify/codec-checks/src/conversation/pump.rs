//! A proxy without sockets: carries the bytes of one exchange through a `Conversation`, as they arrive.
//! It must decide nothing that the conversation decides, and must hold every byte that it was not told to pass.

use mesher_codec::{Conversation, Heard, Progress, Refusal, RequestHead, ResponseHead, TargetForm, Transfer};

/// How the bytes arrive, and what the proxy wants.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Course<'s> {
    /// The caller's connection shall end in any case.
    pub(super) is_closing: bool,
    /// Most bytes of the request's body.
    pub(super) body_bytes_max: Option<u64>,
    /// Bodies that leave as they came are not copied.
    pub(super) passes: bool,
    /// After the steps, the answer comes before what is left of the request.
    pub(super) is_hasty: bool,
    /// Which side sends how many bytes next; after that, everything that is left comes at once.
    pub(super) steps: &'s [u8],
}

/// Most bytes of a request's body where there is a limit: small enough for the inputs of a fuzzer to cross it.
const SMALL_BODY_BYTES: u64 = 48;

impl<'s> Course<'s> {
    /// Reads a course: one byte of choices, then one byte for each step.
    pub(super) fn read(bytes: &'s [u8]) -> Self {
        let Some((&choices, steps)) = bytes.split_first() else { return Self::default() };
        Self {
            is_closing: choices & 1 != 0,
            body_bytes_max: (choices & 2 != 0).then_some(SMALL_BODY_BYTES),
            passes: choices & 4 != 0,
            is_hasty: choices & 8 != 0,
            steps,
        }
    }

    /// The same choices with everything at once, the request first.
    pub(super) fn at_once(self) -> Self {
        Course { is_hasty: false, steps: &[], ..self }
    }
}

/// One direction: what came, how much of it was used, and what left.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pub(super) arrived: Vec<u8>,
    pub(super) used: usize,
    pub(super) sent: Vec<u8>,
    /// How much of `sent` was sent when protocols were switched.
    pub(super) sent_before_switch: Option<usize>,
    pub(super) refusal: Option<Refusal>,
}

impl Direction {
    fn waiting(&self) -> &[u8] {
        self.arrived.get(self.used..).unwrap_or_default()
    }

    fn carry(&mut self, transfer: &mut Transfer, passes: bool) {
        while self.refusal.is_none() && !transfer.is_encoded() {
            let rest = self.arrived.get(self.used..).unwrap_or_default();
            let carried = if passes && transfer.leaves_as_it_came() {
                transfer.pass(rest).map(|(used, data)| {
                    self.sent.extend_from_slice(data);
                    used
                })
            } else {
                transfer.encode(rest, &mut self.sent)
            };
            match carried {
                Err(refusal) => self.refusal = Some(refusal),
                Ok(0) => return,
                Ok(used) => self.used += used,
            }
        }
    }
}

/// One exchange under way.
#[derive(Debug, Default)]
pub(super) struct Pump {
    pub(super) upward: Direction,
    pub(super) downward: Direction,
    pub(super) request: RequestHead,
    pub(super) response: ResponseHead,
    pub(super) conversation: Option<Conversation>,
    /// The head of the final answer was taken.
    pub(super) is_answered: bool,
    /// At that moment the request had been read to its end.
    pub(super) was_read_when_answered: bool,
    pub(super) is_switched: bool,
    /// The end of the head that went upwards.
    pub(super) request_head_bytes: usize,
}

impl Pump {
    /// Carries an exchange to its end.
    pub(super) fn run(request: &[u8], response: &[u8], course: Course<'_>) -> Self {
        let mut pump = Self::default();
        let (mut asked, mut answered) = (request, response);
        let take = |from: &mut &[u8], bytes: usize, to: &mut Vec<u8>| {
            let (now, later) = from.split_at(bytes.min(from.len()));
            to.extend_from_slice(now);
            *from = later;
        };
        for step in course.steps {
            let bytes = usize::from(step >> 1);
            if step & 1 == 0 {
                take(&mut asked, bytes, &mut pump.upward.arrived);
            } else {
                take(&mut answered, bytes, &mut pump.downward.arrived);
            }
            pump.advance(course);
        }
        for is_answer in [course.is_hasty, !course.is_hasty] {
            if is_answer {
                take(&mut answered, usize::MAX, &mut pump.downward.arrived);
            } else {
                take(&mut asked, usize::MAX, &mut pump.upward.arrived);
            }
            pump.advance(course);
        }
        pump.end();
        pump
    }

    /// Goes as far as what has arrived allows.
    fn advance(&mut self, course: Course<'_>) {
        if self.conversation.is_none() {
            self.begin(course);
        }
        if self.conversation.is_some() {
            self.carry_request(course);
            self.hear(course);
            self.carry_request(course);
            self.carry_response(course);
        }
    }

    fn begin(&mut self, course: Course<'_>) {
        match self.request.parse(self.upward.waiting()) {
            _ if self.upward.refusal.is_some() => {}
            Err(refusal) => self.upward.refusal = Some(refusal),
            Ok(Progress::Partial) => {}
            // As the proxy does: it offers no tunnels.
            Ok(Progress::Complete(_)) if self.request.form() == TargetForm::Authority => {
                self.upward.refusal = Some(Refusal::Target);
            }
            Ok(Progress::Complete(used)) => {
                self.upward.used += used;
                self.request.write(&[], &mut self.upward.sent);
                self.request_head_bytes = self.upward.sent.len();
                let limit = course.body_bytes_max.unwrap_or(u64::MAX);
                self.conversation = Some(Conversation::begin(&self.request, limit));
            }
        }
    }

    fn carry_request(&mut self, course: Course<'_>) {
        if let Some(conversation) = &mut self.conversation {
            self.upward.carry(&mut conversation.request, course.passes);
            let waits = self.request.upgrade().is_some() && !self.is_switched;
            let is_silent = self.upward.sent.len() == self.request_head_bytes;
            assert!(!waits || is_silent, "bytes went upwards before the switch");
        }
    }

    /// Takes the heads of answers, up to the final one or a switch.
    fn hear(&mut self, course: Course<'_>) {
        let Some(conversation) = &mut self.conversation else { return };
        while !self.is_answered && !self.is_switched && self.downward.refusal.is_none() {
            let heard = match self.response.parse(self.downward.waiting(), self.request.method() == "HEAD") {
                Ok(Progress::Partial) => return,
                Err(refusal) => Err(refusal),
                Ok(Progress::Complete(used)) => {
                    self.downward.used += used;
                    conversation.hear(&self.request, &self.response, course.is_closing)
                }
            };
            let downstream =
                mesher_codec::response::Downstream { version: self.request.version(), is_last: false };
            match heard {
                Err(refusal) => self.downward.refusal = Some(refusal),
                Ok(Heard::Interim { passes: false }) => {}
                Ok(Heard::Interim { passes: true }) => {
                    self.response.write(downstream, &mut self.downward.sent)
                }
                Ok(Heard::Final(downstream)) => {
                    self.is_answered = true;
                    self.was_read_when_answered = conversation.request.is_read();
                    self.response.write(downstream, &mut self.downward.sent);
                }
                Ok(Heard::Switch) => {
                    self.is_switched = true;
                    self.response.write(downstream, &mut self.downward.sent);
                    self.upward.sent_before_switch = Some(self.upward.sent.len());
                    self.downward.sent_before_switch = Some(self.downward.sent.len());
                }
            }
        }
    }

    fn carry_response(&mut self, course: Course<'_>) {
        if let Some(conversation) = &mut self.conversation
            && (self.is_answered || self.is_switched)
        {
            self.downward.carry(&mut conversation.response, course.passes);
        }
    }

    /// Both connections end.
    fn end(&mut self) {
        let Some(conversation) = &mut self.conversation else { return };
        if self.upward.refusal.is_none() {
            conversation.request.end_of_input(&mut self.upward.sent);
        }
        if (self.is_answered || self.is_switched) && self.downward.refusal.is_none() {
            conversation.response.end_of_input(&mut self.downward.sent);
        }
    }

    /// Whether bytes came after the answer.
    pub(super) fn has_more(&self) -> bool {
        !self.downward.waiting().is_empty()
    }

    /// Whether the caller's connection and the callee's can be used again.
    pub(super) fn keeps(&self) -> (bool, bool) {
        let conversation = self.conversation.as_ref();
        conversation.map_or((false, false), |conversation| {
            (conversation.keeps_downstream(), conversation.keeps_upstream(self.has_more()))
        })
    }
}
