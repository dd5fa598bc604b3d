// SPDX-License-Identifier: Apache-2.0
//! A seeded virtual network and clock for tests
