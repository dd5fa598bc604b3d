// SPDX-License-Identifier: Apache-2.0
//! RTP and RTCP without allocation: packets are parsed once to offsets into the caller's buffer, patched in place, and
//! written straight into it. Nothing here owns a packet, a socket or a clock.
#![forbid(unsafe_code)]

mod codec;
mod demux;
mod dependency;
mod error;
mod extension;
mod header;
pub mod rtcp;
pub mod rtx;
mod sequence;
pub mod twcc;
mod writer;

pub use codec::{Codec, NalReader, PayloadInfo, inspect, picture_header, picture_size, vp8};
pub use demux::{Kind, demux};
pub use dependency::DependencyDescriptor;
pub use error::Error;
pub use extension::{AudioLevel, ExtensionKind, ExtensionMap, Found, find};
pub use header::{ExtensionBlock, Extensions, FIXED_HEADER, Header};
pub use sequence::{Unwrapper, is_newer};
pub use writer::{HeaderWriter, header_len};
