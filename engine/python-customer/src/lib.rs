// SPDX-License-Identifier: Apache-2.0
//! Python module sealroom_customer.client._native
