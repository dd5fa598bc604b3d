# SPDX-License-Identifier: Apache-2.0
"""The Python face of the media engine, and the SDP that describes it to browsers. Nothing per packet happens here."""
