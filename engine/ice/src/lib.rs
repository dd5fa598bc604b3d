// SPDX-License-Identifier: Apache-2.0
//! STUN messages (RFC 8489) and an ICE-lite agent (RFC 8445) that validates its paths itself.
//!
//! An ICE-lite agent as the RFC has it trusts any address from which an authenticated check came, so whoever knows
//! one password can aim the server's traffic at a third party. This agent sends its own Binding request to every
//! new address, and until that was answered the address gets **at most three times the bytes it sent, and never
//! media**. The same requests, repeated, are the consent of RFC 7675.
//!
//! Pure: `now` is an argument, and the crate owns no socket, thread or clock. Debug output shows no password, no
//! fragment and no address.
#![forbid(unsafe_code)]

mod agent;
mod credentials;
mod path;
pub mod stun;

pub use agent::{Agent, AgentEvent, MAX_REPLY, Rejection};
pub use credentials::{Credentials, CredentialsError};
pub use path::Path;
