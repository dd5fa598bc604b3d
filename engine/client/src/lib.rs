// SPDX-License-Identifier: Apache-2.0
//! A WebRTC client on str0m: customer side only
