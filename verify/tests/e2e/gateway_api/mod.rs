//! The conformance cases of the Gateway API for a mesh, said again with Mesher's documents and seen through real proxies.
//! It must take facts from there and no line: each function bears the name of its case.
//!
//! Where Mesher differs: the first rule whose matches hold decides, in the order of the document, where the Gateway API looks
//! for the most particular match; so rules stand here in that order. A call that no rule is about goes to any instance, where
//! the Gateway API answers 404; a last rule says so where a case asks for it. One Route is about one service, so versions
//! stand for the services `echo-v1` and `echo-v2`.
//!
//! Not here, and why:
//!
//! | cases | |
//! |---|---|
//! | `MeshGRPCRoute*`, `HTTPRouteBackendProtocolH2C` | no gRPC and no HTTP/2 between proxies |
//! | `MeshPorts` | a Route is about a service, not about one of its ports |
//! | `HTTPRouteMatchingAcrossRoutes`, `HTTPRoutePathMatchOrder` | one Route for a service, its rules in their order |
//! | `HTTPRouteAllBackendsWeightZero`, `HTTPRouteInvalid*` | such documents are refused when they are read |
//! | `HTTPRouteCORS`, `HTTPRouteExternalAuth*`, `*SessionPersistence*` | there are no such filters; `sticky` is another thing |
//! | what speaks of Gateways, listeners, certificates, namespaces, references and status | there are none |
//!
//! | file | cases |
//! |---|---|
//! | `mesh` | who is about whom, weights, names, timeouts, other protocols |
//! | `matching` | which calls a rule is about |
//! | `mirrors` | copies of requests |
//! | `modifiers` | header fields, paths and hosts on their way |
//! | `redirects` | answers of the proxy's own |
//! | `expectations` | what the cases of several files expect |

mod expectations;
mod matching;
mod mesh;
mod mirrors;
mod modifiers;
mod redirects;
