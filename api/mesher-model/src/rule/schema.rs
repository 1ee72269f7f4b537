//! The schemas of what reads itself: words with a grammar, and the frame of a document.
//! It must allow nothing that the reading refuses, but may leave a bound to it that schemas cannot say.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::document::API_VERSION;
use super::filters::url::PATH_BYTES_MAX;
use super::kinds;
use super::matches::FIELD_NAME_BYTES_MAX;
use super::{
    Cidr, DirectResponse, Document, Filter, FilterKind, HashOn, HeaderModifier, Host, Kind, Metadata, Name,
    PathModifier, Per, Percent, RequestMirror, RequestRedirect, ServiceName, Span, StatusPattern, Sticky,
    UrlRewrite, ValueKind,
};

/// A name, as a pattern.
const NAME: &str = "^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$";

/// What of a field is asked for only whether it is there, so that there is nothing to compare it with.
pub(super) fn asks_for_presence() -> serde_json::Value {
    serde_json::json!({"properties": {"type": {"enum": [ValueKind::Present, ValueKind::Absent]}}, "required": ["type"]})
}

/// That one at least of these members is there.
pub(super) fn any_required<const N: usize>(members: [&str; N]) -> serde_json::Value {
    members.map(|member| serde_json::json!({"required": [member]})).as_slice().into()
}

/// That members stand with strategies that they belong to.
pub(super) fn fits_strategy() -> serde_json::Value {
    let is = |strategies: &[&str]| serde_json::json!({"properties": {"strategy": {"enum": strategies}}, "required": ["strategy"]});
    let only = |member: &str, strategy: &str| serde_json::json!({"if": is(&[strategy]), "else": {"properties": {member: false}}});
    serde_json::json!([
        {"if": is(&["RingHash", "Maglev"]), "then": {"required": ["hashOn"], "properties": {"slowStart": false}},
            "else": {"properties": {"hashOn": false}}},
        only("decayTime", "PeakEwma"),
        only("pointsPerEndpoint", "RingHash"),
        only("tableSize", "Maglev"),
    ])
}

/// That members stand with the type of session that they belong to.
pub(super) fn fits_session() -> serde_json::Value {
    let is = |kind: &str| serde_json::json!({"properties": {"type": {"const": kind}}, "required": ["type"]});
    serde_json::json!([
        {"if": is("Caller"), "then": {"properties": {"sessionName": false, "absoluteTimeout": false}},
            "else": {"properties": {"idleTimeout": false, "successiveFailures": false}}},
        {"if": is("Header"), "then": {"properties": {"absoluteTimeout": false}}},
    ])
}

/// That a rule has a filter which answers its calls.
pub(super) fn answers() -> serde_json::Value {
    let kinds: Vec<_> =
        FilterKind::ALL.into_iter().filter(|kind| kind.answers()).map(FilterKind::as_str).collect();
    let answers = serde_json::json!({"properties": {"type": {"enum": kinds}}, "required": ["type"]});
    serde_json::json!({"properties": {"filters": {"contains": answers}}, "required": ["filters"]})
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
    Percent,
    json_schema!({"type": "string", "pattern": "^[0-9]{1,3}([.][0-9]{1,2})?%$", "examples": ["10%", "0.5%"]})
);
text!(
    StatusPattern,
    json_schema!({"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5][0-9xX]{2}$"}], "examples": [503, "5xx"]})
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
            let spec = kinds::schema_of(kind, generator);
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

impl JsonSchema for Filter {
    fn schema_name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let types = FilterKind::ALL.map(|kind| {
            let member = match kind {
                FilterKind::RequestHeaderModifier | FilterKind::ResponseHeaderModifier => {
                    generator.subschema_for::<HeaderModifier>()
                }
                FilterKind::UrlRewrite => generator.subschema_for::<UrlRewrite>(),
                FilterKind::RequestRedirect => generator.subschema_for::<RequestRedirect>(),
                FilterKind::DirectResponse => generator.subschema_for::<DirectResponse>(),
                FilterKind::RequestMirror => generator.subschema_for::<RequestMirror>(),
            };
            json_schema!({
                "title": kind.as_str(),
                "type": "object",
                "properties": {"type": {"const": kind.as_str()}, kind.member(): member},
                "required": ["type", kind.member()],
                "additionalProperties": false,
            })
        });
        json_schema!({
            "description": "What is done with a call.",
            "oneOf": types,
            "examples": [{"type": FilterKind::RequestHeaderModifier.as_str(), FilterKind::RequestHeaderModifier.member(): {
                "set": [{"name": "x-canary", "value": "yes"}], "add": [{"name": "x-seen-by", "value": "mesher"}], "remove": ["x-debug"],
            }}],
        })
    }
}

impl JsonSchema for PathModifier {
    fn schema_name() -> Cow<'static, str> {
        "PathModifier".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let forms = [
            ("ReplaceFullPath", "replaceFullPath", "^/"),
            ("ReplacePrefixMatch", "replacePrefixMatch", "^(/|$)"),
        ]
        .map(|(kind, member, pattern)| {
            json_schema!({
                "title": kind,
                "type": "object",
                "properties": {
                    "type": {"const": kind},
                    member: {"type": "string", "pattern": pattern, "maxLength": PATH_BYTES_MAX},
                },
                "required": ["type", member],
                "additionalProperties": false,
            })
        });
        json_schema!({"description": "Another path.", "oneOf": forms})
    }
}

impl JsonSchema for Per {
    fn schema_name() -> Cow<'static, str> {
        "Per".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({"type": "string", "minLength": 1, "maxLength": FIELD_NAME_BYTES_MAX});
        json_schema!({
            "description": "Whose calls are counted apart from those of others.",
            "oneOf": [
                {"const": "Caller"},
                {"type": "object", "properties": {"header": name}, "required": ["header"], "additionalProperties": false},
            ],
            "examples": ["Caller", {"header": "x-user"}],
        })
    }
}

impl JsonSchema for Sticky {
    fn schema_name() -> Cow<'static, str> {
        "Sticky".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({"type": "string", "minLength": 1, "maxLength": FIELD_NAME_BYTES_MAX});
        json_schema!({
            "description": "A value of a call that decides which backend takes it.",
            "type": "object",
            "properties": {"header": name, "cookie": name, "queryParam": name},
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
            "examples": [{"cookie": "session"}],
        })
    }
}

impl JsonSchema for HashOn {
    fn schema_name() -> Cow<'static, str> {
        "HashOn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({"type": "string", "minLength": 1, "maxLength": FIELD_NAME_BYTES_MAX});
        json_schema!({
            "description": "A value of a call that decides which instance takes it.",
            "type": "object",
            "properties": {"header": name, "cookie": name, "queryParam": name, "sourceAddress": {"const": true}},
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
            "examples": [{"header": "x-user"}],
        })
    }
}
