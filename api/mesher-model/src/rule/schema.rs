//! The schemas of what reads itself: words with a grammar, and the frame of a document.
//! It must allow nothing that the reading refuses, but may leave a bound to it that schemas cannot say.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::document::API_VERSION;
use super::{
    Cidr, Document, Egress, Host, Kind, Metadata, Name, Route, ServiceName, Span, Timeout, ValueKind,
};

/// A name, as a pattern.
const NAME: &str = "^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$";

/// What of a field is asked for only whether it is there, so that there is nothing to compare it with.
pub(super) fn asks_for_presence() -> serde_json::Value {
    serde_json::json!({"properties": {"type": {"enum": [ValueKind::Present, ValueKind::Absent]}}, "required": ["type"]})
}

/// Gives a type that is written as text its schema.
macro_rules! text {
    ($word:ident, $schema:expr) => {
        impl JsonSchema for $word {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($word).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

text!(Name, json_schema!({"type": "string", "pattern": NAME}));
text!(
    ServiceName,
    json_schema!({"type": "string", "anyOf": [{"const": ServiceName::EVERY}, {"pattern": NAME}]})
);
text!(
    Span,
    json_schema!({"type": "string", "pattern": "^([0-9]{1,8}(h|m|s|ms)){1,4}$", "examples": ["500ms", "5s", "1m30s"]})
);
text!(
    Cidr,
    json_schema!({"type": "string", "pattern": "^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}$", "examples": ["10.0.0.0/8", "fd00::/8"]})
);
text!(
    Host,
    json_schema!({"type": "string", "maxLength": 255, "anyOf": [{"const": Host::EVERY}, {"pattern": "^([*][.])?[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*$"}, {"pattern": "^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$"}], "examples": ["api.example.org", "*.example.org"]})
);
text!(Kind, json_schema!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)}));

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds = Kind::ALL.map(|kind| {
            let spec = match kind {
                Kind::Route => generator.subschema_for::<Route>(),
                Kind::Timeout => generator.subschema_for::<Timeout>(),
                Kind::Egress => generator.subschema_for::<Egress>(),
            };
            json_schema!({
                "title": kind.as_str(),
                "type": "object",
                "properties": {
                    "apiVersion": {"const": API_VERSION},
                    "kind": {"const": kind.as_str()},
                    "metadata": generator.subschema_for::<Metadata>(),
                    "spec": spec,
                },
                "required": ["apiVersion", "kind", "metadata", "spec"],
                "additionalProperties": false,
            })
        });
        json_schema!({"description": "A rule document of Mesher.", "oneOf": kinds})
    }
}
