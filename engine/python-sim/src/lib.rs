// SPDX-License-Identifier: Apache-2.0
//! Rooms on the virtual network for Python tests; never shipped
