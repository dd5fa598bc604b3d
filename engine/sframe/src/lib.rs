// SPDX-License-Identifier: Apache-2.0
//! SFrame (RFC 9605) and Sealroom's key schedule: the frame cipher. **Customer's side only.**
//!
//! `protocol/sealing.md` is the text; the vectors beside it run here, in TypeScript and in Python.
#![forbid(unsafe_code)]

mod av1;
mod cipher;
mod frame;
mod h264;
mod header;
mod open;
mod replay;
mod schedule;
mod seal;

pub use cipher::Suite;
pub use frame::{Codec, Track, clear_prefix};
pub use header::{Header, HeaderError};
pub use open::{Opened, Opener, Refusal, RefusalCounts};
pub use schedule::{KeyId, LAST_STEP, RoomContext, RoomKind, Secret};
pub use seal::{SealError, Sealer};
