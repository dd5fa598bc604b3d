// SPDX-License-Identifier: Apache-2.0
//! Python module sealroom.media._engine
