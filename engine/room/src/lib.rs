// SPDX-License-Identifier: Apache-2.0
//! Routing within a room: slots, layers, key frames, rights, repair
