# SPDX-License-Identifier: Apache-2.0
"""Errors as TRTC writes them: a code of its list, and a sentence that says what is wrong and what to do."""

from enum import StrEnum


class Code(StrEnum):
    """The codes that are answered here. Spelled as in the published lists of the cloud API and of TRTC, both editions."""

    # the request as such
    INVALID_AUTHORIZATION = "AuthFailure.InvalidAuthorization"
    SECRET_ID_NOT_FOUND = "AuthFailure.SecretIdNotFound"  # noqa: S105 - a code
    SIGNATURE_EXPIRE = "AuthFailure.SignatureExpire"
    SIGNATURE_FAILURE = "AuthFailure.SignatureFailure"
    TOKEN_FAILURE = "AuthFailure.TokenFailure"  # noqa: S105 - a code
    INVALID_ACTION = "InvalidAction"
    NO_SUCH_VERSION = "NoSuchVersion"
    REQUEST_LIMIT_EXCEEDED = "RequestLimitExceeded"
    IP_LIMIT_EXCEEDED = "RequestLimitExceeded.IPLimitExceeded"
    REQUEST_SIZE_LIMIT_EXCEEDED = "RequestSizeLimitExceeded"
    UNSUPPORTED_OPERATION = "UnsupportedOperation"
    UNSUPPORTED_PROTOCOL = "UnsupportedProtocol"
    UNSUPPORTED_REGION = "UnsupportedRegion"
    INTERNAL_ERROR = "InternalError"
    DB_ERROR = "InternalError.DBError"
    ES_QUERY_ERROR = "InternalError.EsQueryError"
    # what is asked for
    ROOM_NOT_EXIST = "FailedOperation.RoomNotExist"
    USER_NOT_EXIST = "FailedOperation.UserNotExist"
    SDK_APP_ID_NOT_UNDER_APP_ID = "FailedOperation.SdkAppIdNotUnderAppId"
    FAILED_OPERATION = "FailedOperation"
    # parameters
    UNKNOWN_PARAMETER = "UnknownParameter"
    MISSING_PARAMETER = "MissingParameter"
    MISSING_COMM_ID = "MissingParameter.CommId"
    MISSING_END_TS = "MissingParameter.EndTs"
    MISSING_ROOM_ID = "MissingParameter.RoomId"
    MISSING_SDK_APP_ID = "MissingParameter.SdkAppId"
    MISSING_START_TS = "MissingParameter.StartTs"
    MISSING_USER_ID = "MissingParameter.UserId"
    MISSING_USER_IDS = "MissingParameter.UserIds"
    INVALID_PARAMETER = "InvalidParameter"
    INVALID_BODY = "InvalidParameter.BodyParamsError"
    INVALID_URL = "InvalidParameter.UrlParamsError"
    INVALID_END_TS = "InvalidParameter.EndTs"
    INVALID_OUT_OF_RANGE = "InvalidParameter.OutOfRange"
    INVALID_PAGE_NUMBER = "InvalidParameter.PageNumber"
    INVALID_PAGE_SIZE = "InvalidParameter.PageSize"
    INVALID_PAGE_SIZE_OVERSIZE = "InvalidParameter.PageSizeOversize"
    INVALID_QUERY_SCALE_OVERSIZE = "InvalidParameter.QueryScaleOversize"
    INVALID_ROOM_ID = "InvalidParameter.RoomId"
    INVALID_SDK_APP_ID = "InvalidParameter.SdkAppId"
    INVALID_START_TIME_EXPIRE = "InvalidParameter.StartTimeExpire"
    INVALID_START_TIME_OVERSIZE = "InvalidParameter.StartTimeOversize"
    INVALID_START_TS = "InvalidParameter.StartTs"
    INVALID_START_TS_OVERSIZE = "InvalidParameter.StartTsOversize"
    INVALID_STR_ROOM_ID = "InvalidParameter.StrRoomId"
    INVALID_USER_ID = "InvalidParameter.UserId"
    INVALID_USER_IDS = "InvalidParameter.UserIds"
    INVALID_USER_IDS_MORE_THAN_SIX = "InvalidParameter.UserIdsMorethanSix"


class ApiError(Exception):
    """A request that is not done. `message` goes to the caller: never put values in it that he did not send."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code.value}: {message}")
        self.code = code
        self.message = message
