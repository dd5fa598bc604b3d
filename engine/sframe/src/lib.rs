// SPDX-License-Identifier: Apache-2.0
//! SFrame (RFC 9605) and Sealroom's key schedule: customer side only
