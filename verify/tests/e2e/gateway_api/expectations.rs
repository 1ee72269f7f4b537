//! What the cases of several files expect.
//! It must compare whole answers, and say which request it was.

use mesher_verify::http::Message;

use crate::echo::{Stage, sent_values};

/// A request: method, target, fields.
pub(super) type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The first version takes what nobody else does.
pub(super) const OTHERS: &str = "    - backends: [{subset: {version: '1.0'}}]";

/// What no rule is about is not there.
pub(super) const NOT_FOUND: &str =
    "    - filters: [{type: DirectResponse, directResponse: {statusCode: 404}}]";

/// Each of the requests is answered by this version, or with this status.
#[track_caller]
pub(super) fn assert_taken(stage: &Stage, cases: &[(Request<'_>, &str)]) {
    for ((method, target, fields), expected) in cases {
        let answer = stage.call(method, target, fields);
        let found = match answer.status() {
            200 => answer.json()["version"].as_str().unwrap_or_default().to_owned(),
            status => status.to_string(),
        };
        assert_eq!(found, *expected, "{method} {target} {fields:?}");
    }
}

/// The values that the application got under a name, as one list.
pub(super) fn got(answer: &Message, name: &str) -> String {
    sent_values(answer, name).join(",")
}
