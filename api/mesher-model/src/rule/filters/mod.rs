//! What a rule of a route does with its calls, besides choosing who takes them: the filters of the Gateway API's HTTPRoute.
//! It must not do it: that is the proxy's, from what `mesher-traffic` compiles.
//!
//! | file | holds |
//! |---|---|
//! | `filter` | the frame that all types share, and which of them may stand together |
//! | `answer` | an answer of the rule's own |
//! | `fields` | header fields that are set, added, removed |
//! | `mirror` | copies for somebody else |
//! | `url` | another host or path, for the callee or for the caller |

mod answer;
mod fields;
pub(super) mod filter;
mod mirror;
pub(super) mod url;

pub use answer::DirectResponse;
pub use fields::{FieldFault, HeaderLine, HeaderModifier, check_field_name, check_field_value};
pub use filter::{Filter, FilterKind};
pub use mirror::RequestMirror;
pub use url::{PathModifier, RequestRedirect, Scheme, UrlRewrite};

pub(super) use answer::response;
pub(super) use filter::{filters, filters_of_backend};
