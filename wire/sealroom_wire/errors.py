# SPDX-License-Identifier: Apache-2.0
"""Every error that crosses a line: stable code, TRTC's number where it has one, a sentence, what to do next."""

from dataclasses import dataclass
from enum import StrEnum

from sealroom_wire.limits import (
    MAX_CUSTOM_BYTES,
    MAX_CUSTOM_BYTES_PER_SECOND,
    MAX_CUSTOM_COMMAND,
    MAX_CUSTOM_PER_SECOND,
    MAX_REMOVED_AT_ONCE,
)


class ErrorCode(StrEnum):
    """Stable codes. New ones are added; none is renamed or given another meaning."""

    # the line itself
    MALFORMED_MESSAGE = "malformed_message"
    MESSAGE_TOO_LARGE = "message_too_large"
    TOO_MANY_MESSAGES = "too_many_messages"
    VERSION_NOT_SUPPORTED = "version_not_supported"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    ENTER_FIRST = "enter_first"
    ALREADY_ENTERED = "already_entered"
    ENTER_TIMEOUT = "enter_timeout"
    SERVER_BUSY = "server_busy"
    INTERNAL_ERROR = "internal_error"
    # identities
    USER_ID_INVALID = "user_id_invalid"
    ROOM_ID_INVALID = "room_id_invalid"
    SDK_APP_ID_INVALID = "sdk_app_id_invalid"
    APPLICATION_UNKNOWN = "application_unknown"
    APPLICATION_DISABLED = "application_disabled"
    APPLICATION_AT_ANOTHER_SITE = "application_at_another_site"
    # UserSig and PrivateMapKey
    USER_SIG_MALFORMED = "user_sig_malformed"
    USER_SIG_EXPIRED = "user_sig_expired"
    USER_SIG_FROM_THE_FUTURE = "user_sig_from_the_future"
    USER_SIG_LIFE_TOO_LONG = "user_sig_life_too_long"
    USER_SIG_BAD_SIGNATURE = "user_sig_bad_signature"
    USER_SIG_WRONG_USER = "user_sig_wrong_user"
    USER_SIG_WRONG_APPLICATION = "user_sig_wrong_application"
    USER_SIG_REVOKED = "user_sig_revoked"
    PRIVATE_MAP_KEY_REQUIRED = "private_map_key_required"
    PRIVATE_MAP_KEY_MALFORMED = "private_map_key_malformed"
    PRIVATE_MAP_KEY_EXPIRED = "private_map_key_expired"
    PRIVATE_MAP_KEY_BAD_SIGNATURE = "private_map_key_bad_signature"
    PRIVATE_MAP_KEY_WRONG_ROOM = "private_map_key_wrong_room"
    PRIVATE_MAP_KEY_WRONG_USER = "private_map_key_wrong_user"
    PRIVATE_MAP_KEY_WRONG_APPLICATION = "private_map_key_wrong_application"
    # rights and rooms
    NO_RIGHT_TO_CREATE_ROOM = "no_right_to_create_room"
    NO_RIGHT_TO_ENTER = "no_right_to_enter"
    NO_RIGHT_TO_SEND_AUDIO = "no_right_to_send_audio"
    NO_RIGHT_TO_SEND_VIDEO = "no_right_to_send_video"
    NO_RIGHT_TO_SEND_SCREEN = "no_right_to_send_screen"
    NO_RIGHT_TO_RECEIVE_AUDIO = "no_right_to_receive_audio"
    NO_RIGHT_TO_RECEIVE_VIDEO = "no_right_to_receive_video"
    NO_RIGHT_TO_RECEIVE_SCREEN = "no_right_to_receive_screen"
    AUDIENCE_CANNOT_PUBLISH = "audience_cannot_publish"
    ROOM_FULL = "room_full"
    TOO_MANY_PUBLISHERS = "too_many_publishers"
    SCREEN_TAKEN = "screen_taken"
    SCENE_DIFFERS = "scene_differs"
    SEALING_REQUIRED = "sealing_required"
    NOT_PUBLISHED = "not_published"
    SLOT_UNKNOWN = "slot_unknown"
    SOURCE_UNKNOWN = "source_unknown"
    NO_RIGHT_TO_SEND_CUSTOM = "no_right_to_send_custom"
    CUSTOM_MESSAGE_MALFORMED = "custom_message_malformed"
    CUSTOM_MESSAGE_TOO_LARGE = "custom_message_too_large"
    CUSTOM_MESSAGE_NOT_SEALED = "custom_message_not_sealed"
    TOO_MANY_CUSTOM_MESSAGES = "too_many_custom_messages"
    TOO_MANY_RECORDS = "too_many_records"
    REPORTS_NOT_WANTED = "reports_not_wanted"
    REPORT_MALFORMED = "report_malformed"
    TOO_MANY_REPORTS = "too_many_reports"
    REPLACED_BY_NEW_ENTRY = "replaced_by_new_entry"
    ENGINE_FAILED = "engine_failed"
    # moderation
    ROOM_UNKNOWN = "room_unknown"
    USER_NOT_IN_ROOM = "user_not_in_room"
    TOO_MANY_USERS = "too_many_users"
    REMOVED_FROM_ROOM = "removed_from_room"
    ROOM_DISMISSED = "room_dismissed"
    BANNED = "banned"
    # SDP
    SDP_MALFORMED = "sdp_malformed"
    SDP_NOT_SUPPORTED = "sdp_not_supported"
    # authority
    GRANT_MALFORMED = "grant_malformed"
    GRANT_BAD_SIGNATURE = "grant_bad_signature"
    GRANT_EXPIRED = "grant_expired"
    GRANT_NOT_FOR_US = "grant_not_for_us"
    GRANT_REPLAYED = "grant_replayed"
    AUTHORITY_KEY_RETIRED = "authority_key_retired"
    MEMBER_KEY_INVALID = "member_key_invalid"
    SUITE_NOT_SUPPORTED = "suite_not_supported"
    MEMBER_UNKNOWN = "member_unknown"
    CREDENTIAL_INVALID = "credential_invalid"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What a person reads: what happened, and what to do next. `trtc` is the number TRTC's clients know, or 0."""

    sentence: str
    action: str
    trtc: int = 0


_SIGN_AGAIN = "Sign a new UserSig with the application's current secret key."
_KEY_AGAIN = "Ask your backend for a new PrivateMapKey."
_RIGHT = "Ask your backend for a PrivateMapKey that includes this right."
_SDK = "Use a current SDK; if you wrote the client yourself, compare with protocol/signalling.schema.json."

TEXTS: dict[ErrorCode, ErrorText] = {
    ErrorCode.MALFORMED_MESSAGE: ErrorText("The message is not one this protocol knows.", _SDK),
    ErrorCode.MESSAGE_TOO_LARGE: ErrorText("The message is too large.", "Send less in one message."),
    ErrorCode.TOO_MANY_MESSAGES: ErrorText(
        "Too many messages in a short time.", "Wait a moment, then go on."
    ),
    ErrorCode.VERSION_NOT_SUPPORTED: ErrorText(
        "This protocol version is not spoken here.", "Update the SDK or the server."
    ),
    ErrorCode.ORIGIN_NOT_ALLOWED: ErrorText(
        "This web page's origin is not on the application's list.",
        "Add the origin to the application's `origins`.",
    ),
    ErrorCode.ENTER_FIRST: ErrorText(
        "Only `enter` and `ping` are taken before a room is entered.", "Send `enter` first."
    ),
    ErrorCode.ALREADY_ENTERED: ErrorText("This line is in a room already.", "Leave, or open another line."),
    ErrorCode.ENTER_TIMEOUT: ErrorText(
        "No room was entered in time.", "Connect again and send `enter` at once."
    ),
    ErrorCode.SERVER_BUSY: ErrorText(
        "The server takes no more connections now.", "Try again in a few seconds."
    ),
    ErrorCode.INTERNAL_ERROR: ErrorText(
        "The server failed to do this.", "Try again; tell the operator if it stays so."
    ),
    ErrorCode.USER_ID_INVALID: ErrorText(
        "The user id is not valid.", "Use 1 to 32 characters of a-z, A-Z, 0-9, _ and -.", 70013
    ),
    ErrorCode.ROOM_ID_INVALID: ErrorText(
        "The room id is not valid.",
        "Use a number from 1 to 4294967294, or a string of 1 to 64 allowed characters.",
        5012,
    ),
    ErrorCode.SDK_APP_ID_INVALID: ErrorText(
        "The sdkAppId is not valid.", "Use the number of your application.", 70014
    ),
    ErrorCode.APPLICATION_UNKNOWN: ErrorText(
        "There is no such application here.", "Check the sdkAppId and the server's address.", 70020
    ),
    ErrorCode.APPLICATION_DISABLED: ErrorText(
        "This application is switched off.", "Ask the operator.", -100013
    ),
    ErrorCode.APPLICATION_AT_ANOTHER_SITE: ErrorText(
        "This application is served at another site.", "Connect to the address in `endpoint`.", 70020
    ),
    ErrorCode.USER_SIG_MALFORMED: ErrorText("The UserSig cannot be read.", _SIGN_AGAIN, 70003),
    ErrorCode.USER_SIG_EXPIRED: ErrorText("The UserSig has expired.", _SIGN_AGAIN, 70001),
    ErrorCode.USER_SIG_FROM_THE_FUTURE: ErrorText(
        "The UserSig claims a time that has not come yet.", "Set the clock of the machine that signs.", 70009
    ),
    ErrorCode.USER_SIG_LIFE_TOO_LONG: ErrorText(
        "The UserSig is valid for too long.", "Sign one with a shorter life.", 70009
    ),
    ErrorCode.USER_SIG_BAD_SIGNATURE: ErrorText("The signature of the UserSig is wrong.", _SIGN_AGAIN, 70009),
    ErrorCode.USER_SIG_WRONG_USER: ErrorText("The UserSig is for another user.", _SIGN_AGAIN, 70013),
    ErrorCode.USER_SIG_WRONG_APPLICATION: ErrorText(
        "The UserSig is for another application.", _SIGN_AGAIN, 70014
    ),
    ErrorCode.USER_SIG_REVOKED: ErrorText("The UserSig was revoked.", _SIGN_AGAIN, 70052),
    ErrorCode.PRIVATE_MAP_KEY_REQUIRED: ErrorText(
        "This application asks for a PrivateMapKey.", _KEY_AGAIN, -100006
    ),
    ErrorCode.PRIVATE_MAP_KEY_MALFORMED: ErrorText("The PrivateMapKey cannot be read.", _KEY_AGAIN, -100006),
    ErrorCode.PRIVATE_MAP_KEY_EXPIRED: ErrorText("The PrivateMapKey has expired.", _KEY_AGAIN, -100006),
    ErrorCode.PRIVATE_MAP_KEY_BAD_SIGNATURE: ErrorText(
        "The signature of the PrivateMapKey is wrong.", _KEY_AGAIN, -100006
    ),
    ErrorCode.PRIVATE_MAP_KEY_WRONG_ROOM: ErrorText(
        "The PrivateMapKey is for another room.", _KEY_AGAIN, -100006
    ),
    ErrorCode.PRIVATE_MAP_KEY_WRONG_USER: ErrorText(
        "The PrivateMapKey is for another user.", _KEY_AGAIN, -100006
    ),
    ErrorCode.PRIVATE_MAP_KEY_WRONG_APPLICATION: ErrorText(
        "The PrivateMapKey is for another application.", _KEY_AGAIN, -100006
    ),
    ErrorCode.NO_RIGHT_TO_CREATE_ROOM: ErrorText("You may not create this room.", _RIGHT, -102010),
    ErrorCode.NO_RIGHT_TO_ENTER: ErrorText("You may not enter this room.", _RIGHT, -100006),
    ErrorCode.NO_RIGHT_TO_SEND_AUDIO: ErrorText("You may not send audio.", _RIGHT, -100006),
    ErrorCode.NO_RIGHT_TO_SEND_VIDEO: ErrorText("You may not send video.", _RIGHT, -100006),
    ErrorCode.NO_RIGHT_TO_SEND_SCREEN: ErrorText("You may not share a screen.", _RIGHT, -102015),
    ErrorCode.NO_RIGHT_TO_RECEIVE_AUDIO: ErrorText("You may not receive audio.", _RIGHT, -100006),
    ErrorCode.NO_RIGHT_TO_RECEIVE_VIDEO: ErrorText("You may not receive video.", _RIGHT, -100006),
    ErrorCode.NO_RIGHT_TO_RECEIVE_SCREEN: ErrorText("You may not receive shared screens.", _RIGHT, -100006),
    ErrorCode.AUDIENCE_CANNOT_PUBLISH: ErrorText("Audience cannot publish.", "Enter as anchor.", 5107),
    ErrorCode.ROOM_FULL: ErrorText("The room is full.", "Try again when somebody has left."),
    ErrorCode.TOO_MANY_PUBLISHERS: ErrorText(
        "The room has its 50 publishers.", "Try again when somebody has stopped."
    ),
    ErrorCode.SCREEN_TAKEN: ErrorText(
        "Somebody else shares a screen in this room.", "Try again when it has ended.", -102016
    ),
    ErrorCode.SCENE_DIFFERS: ErrorText(
        "The room runs in another scene.", "Enter with the scene of those in the room."
    ),
    ErrorCode.SEALING_REQUIRED: ErrorText(
        "This application takes sealed calls only.",
        "Give `sealing` to enterRoom, with your authority and a grant.",
    ),
    ErrorCode.NOT_PUBLISHED: ErrorText("This track is not published.", "Publish it first."),
    ErrorCode.SLOT_UNKNOWN: ErrorText("There is no such slot.", "Bind slots that the last answer listed."),
    ErrorCode.SOURCE_UNKNOWN: ErrorText(
        "There is no such user in the room.", "Bind users that are in the room."
    ),
    ErrorCode.NO_RIGHT_TO_SEND_CUSTOM: ErrorText(
        "You may not send messages, for you may not send audio, video or a screen.",
        "Ask your backend for a PrivateMapKey with one of these rights.",
        -100006,
    ),
    ErrorCode.CUSTOM_MESSAGE_MALFORMED: ErrorText(
        "The custom message is not one.",
        f"Use a command id from 1 to {MAX_CUSTOM_COMMAND} and a current SDK.",
    ),
    ErrorCode.CUSTOM_MESSAGE_TOO_LARGE: ErrorText(
        "The custom message is too large.", f"Send at most {MAX_CUSTOM_BYTES} bytes in one message."
    ),
    ErrorCode.CUSTOM_MESSAGE_NOT_SEALED: ErrorText(
        "This application takes sealed messages only.",
        "Give `sealing` to enterRoom, with your authority and a grant.",
    ),
    ErrorCode.TOO_MANY_CUSTOM_MESSAGES: ErrorText(
        "Too many custom messages in a short time.",
        f"Send at most {MAX_CUSTOM_PER_SECOND} messages and {MAX_CUSTOM_BYTES_PER_SECOND} bytes a second.",
    ),
    ErrorCode.TOO_MANY_RECORDS: ErrorText(
        "The record was asked for too often.",
        "Ask for it at most once a second, and for what is kept every five.",
    ),
    ErrorCode.REPORTS_NOT_WANTED: ErrorText(
        "Nobody here takes reports of this kind.", "Send only what `entered` asked for in `reports`."
    ),
    ErrorCode.REPORT_MALFORMED: ErrorText("The report is too large, or has a value that cannot be.", _SDK),
    ErrorCode.TOO_MANY_REPORTS: ErrorText(
        "Reports came too often.", "Send a sample as often as `entered` says, and gather events and log."
    ),
    ErrorCode.REPLACED_BY_NEW_ENTRY: ErrorText(
        "The same user entered the room from elsewhere.",
        "Enter again if it was not you, and change your keys.",
    ),
    ErrorCode.ENGINE_FAILED: ErrorText("The media engine ended this connection.", "Enter the room again."),
    ErrorCode.ROOM_UNKNOWN: ErrorText(
        "There is no such room.", "Name a room that somebody is in; number and string rooms are two kinds."
    ),
    ErrorCode.USER_NOT_IN_ROOM: ErrorText("The user is not in the room.", "Name somebody who is."),
    ErrorCode.TOO_MANY_USERS: ErrorText(
        "Too many users at once.", f"Name 1 to {MAX_REMOVED_AT_ONCE} users in one request."
    ),
    ErrorCode.REMOVED_FROM_ROOM: ErrorText(
        "A moderator removed you from the room.", "Ask whoever runs the call before you enter again."
    ),
    ErrorCode.ROOM_DISMISSED: ErrorText("A moderator ended the call.", "Enter again for a new call."),
    ErrorCode.BANNED: ErrorText(
        "You may not enter with a UserSig or PrivateMapKey that was signed before you were banned.",
        "Ask whoever runs the call; entering takes tokens signed after the ban, or that it is lifted.",
    ),
    ErrorCode.SDP_MALFORMED: ErrorText("The offer cannot be read.", _SDK),
    ErrorCode.SDP_NOT_SUPPORTED: ErrorText("The offer asks for something that is not served.", _SDK),
    ErrorCode.GRANT_MALFORMED: ErrorText("The grant cannot be read.", "Ask your backend for a new grant."),
    ErrorCode.GRANT_BAD_SIGNATURE: ErrorText(
        "The grant's signature is wrong.",
        "Give the authority the verification key of the backend that signs.",
    ),
    ErrorCode.GRANT_EXPIRED: ErrorText("The grant has expired.", "Ask your backend for a new grant."),
    ErrorCode.GRANT_NOT_FOR_US: ErrorText(
        "The grant is for another authority, application, room or user.",
        "Ask your backend for a grant for this room.",
    ),
    ErrorCode.AUTHORITY_KEY_RETIRED: ErrorText(
        "The grant names a key of the authority that this room no longer uses.",
        "Ask your backend for a new grant; it has to name the authority's new key.",
    ),
    ErrorCode.GRANT_REPLAYED: ErrorText(
        "The grant was used for another member already.", "Ask your backend for a new grant."
    ),
    ErrorCode.MEMBER_KEY_INVALID: ErrorText("The member key is not a point of P-256.", _SDK),
    ErrorCode.SUITE_NOT_SUPPORTED: ErrorText("No common cipher suite.", "Offer suite 5 or 4."),
    ErrorCode.MEMBER_UNKNOWN: ErrorText("There is no such member in the room.", "Look at the roster."),
    ErrorCode.CREDENTIAL_INVALID: ErrorText(
        "The credential is wrong.", "Use the backend credential of this authority."
    ),
}


class Refusal(Exception):  # noqa: N818 - a refusal is what the protocol calls it
    """Something was asked for that is not done; `code` says which, the texts say why and what next."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.value)
        self.code = code

    @property
    def text(self) -> ErrorText:
        """Sentence, action and TRTC number of the code."""
        return TEXTS[self.code]
