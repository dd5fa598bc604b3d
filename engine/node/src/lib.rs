// SPDX-License-Identifier: Apache-2.0
//! Shard threads, sockets, timers and the event ring: the only I/O of the server
