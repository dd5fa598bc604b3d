// SPDX-License-Identifier: Apache-2.0
//! The peers and rooms of one thread, without I/O
