// SPDX-License-Identifier: Apache-2.0
//! RTP and RTCP: parse to offsets, patch, write
