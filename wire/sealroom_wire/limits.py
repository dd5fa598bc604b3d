# SPDX-License-Identifier: Apache-2.0
"""Limits of the wire formats. Numbers without a source are ours; the comment says what turning them does."""

MAX_SIGNALLING_MESSAGE_BYTES = 144 * 1024
"""One signalling message. Has to hold an offer (112 kB) with its JSON escapes; larger ones close the line."""
MAX_SDP_BYTES = 112 * 1024
"""One SDP offer. Chromium's with 6 audio and 12 video slots is 24 kB, with 58 video slots (`MAX_SLOTS`) 81 kB and its candidates."""
MAX_AUTHORITY_MESSAGE_BYTES = 256 * 1024
"""One message on the authority's line. A snapshot of 500 members is about 100 kB."""
MAX_GRANT_BYTES = 4096
"""One grant as compact JWT."""
MAX_USER_SIG_BYTES = 2048
"""One UserSig or PrivateMapKey as received, before it is inflated."""
MAX_USER_SIG_INFLATED_BYTES = 4096
"""The JSON inside a UserSig after inflation; a bomb stops here."""
MAX_USER_ID_BYTES = 32
"""TRTC's limit on user ids."""
MAX_ROOM_STRING_BYTES = 64
"""TRTC's limit on string room ids."""
MAX_ROOM_NUMBER = 4294967294
"""TRTC's upper bound of room numbers (typings and error 5012)."""
MAX_SEALED_MEMBERS = 500
"""Members of one sealed room; the roster is sent whole to every newcomer."""
MAX_PUBLISHERS = 50
"""Publishers in one room (TRTC: the 51st publish fails)."""
MAX_SLOTS = 64
"""Receive slots of one participant."""
FIRST_AUDIO_SLOTS = 6
FIRST_VIDEO_SLOTS = 12
SLOT_GROWTH = 8
"""A client that runs out of video slots offers again with this many more."""
MAX_BINDINGS_PER_MESSAGE = 64
MAX_CUSTOM_COMMAND = 10
"""Command ids of custom messages are 1 to 10 (TRTC)."""
MAX_CUSTOM_BYTES = 1024
"""Data of one custom message (TRTC: 1 KB)."""
MAX_CUSTOM_FRAME_BYTES = MAX_CUSTOM_BYTES + 39
"""The same as it travels: six bytes of command and sequence, at most 17 of SFrame header, 16 of tag."""
MAX_CUSTOM_PER_SECOND = 30
MAX_CUSTOM_BYTES_PER_SECOND = 8192
"""What one participant may send of them, as data before sealing (TRTC: 30 messages and 8 KB a second)."""
MAX_REMOVED_AT_ONCE = 10
"""Users that one request removes from a room (TRTC)."""
MAX_RECORDED_PARTICIPANTS = 40
"""Participants in one record of a call. Each takes at most 3.5 kB, and a message at most `MAX_SIGNALLING_MESSAGE_BYTES`."""
MAX_KEPT_DATASETS = 64
MAX_KEPT_FIELDS = 64
MAX_KEPT_ROWS = 4
"""Rows of one dataset that a member is shown of his call: one for each track that he sends, and one to spare."""
MAX_KEPT_CHARACTERS = 400
"""Of one text of the catalogue, or one value; longer ones are cut."""
MAX_SENT_STREAMS = 9
"""Streams in one sample of what a device sends: three tracks of at most three layers."""
MAX_RECEIVED_STREAMS = MAX_SLOTS
MIN_SAMPLE_EVERY = 500
"""Milliseconds between two samples, at the least, whatever a server asks for: lower lets a lying one keep devices awake."""
MAX_REPORTED_EVENTS = 16
MAX_LOG_ENTRIES = 40
MAX_SAMPLE_BYTES = 20 * 1024
"""One sample. A slot takes at most 240 bytes, a sent stream 320; one of 25 slots in a call as it goes is about 3.5 kB."""
MAX_EVENTS_BYTES = 2 * 1024
MAX_LOG_BYTES = 8 * 1024
"""One batch of the device's log: 40 entries of at most 200 bytes."""
MAX_FUTURE_SECONDS = 300
"""How far ahead of our clock a UserSig may claim to be issued."""
MAX_USER_SIG_LIFE_SECONDS = 400 * 86400
"""Longest accepted life of a UserSig; TRTC's generators default to 180 days."""
