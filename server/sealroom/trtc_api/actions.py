# SPDX-License-Identifier: Apache-2.0
"""All 89 actions of version 2019-07-22 by name, from the official SDKs of both editions (China 3.1.177, international 3.1.193).

What is not served is named with its reason, so that a caller learns it from the answer and a reader from docs/trtc-api.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from sealroom.core.http.rates import Rate

VERSION = "2019-07-22"


class Site(StrEnum):
    """Whose SDK knows an action."""

    BOTH = "both"
    CHINA = "China"
    INTERNATIONAL = "international"


USUAL = Rate(20, 20)
USAGE = Rate(5, 5)
ROOM_USAGE = Rate(1 / 15, 1)


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `changes`: it does something, so a signed request of it is carried out once. `note`: for people."""

    name: str
    group: str
    site: Site
    served: bool
    rate: Rate = USUAL
    changes: bool = False
    note: str = ""


_B, _C, _I = Site.BOTH, Site.CHINA, Site.INTERNATIONAL
_KEYS = "needs the media in clear, which the operator never has"
_RECORDER = "recordings are made by the customer's own recorder, which holds the keys"
_RELAY = "relay and mixing hold keys and belong to the customer's side"


def _rooms(name: str, site: Site, note: str = "") -> Action:
    return Action(name, "Room management", site, served=True, changes=True, note=note)


def _served(group: str, name: str, site: Site = _B, rate: Rate = USUAL, note: str = "") -> Action:
    return Action(name, group, site, served=True, rate=rate, note=note)


def _not(group: str, note: str, *names: str, site: Site = _B) -> tuple[Action, ...]:
    return tuple(Action(name, group, site, served=False, note=note) for name in names)


_HISTORY, _DASHBOARD, _USAGE = "Call quality and history", "Dashboard", "Usage"
_NOT_METERED = "empty: done on the customer's side, where the operator meters nothing"
_SPEECH = "Speech, voice and vocabulary"

_ALL = (
    _rooms("DismissRoom", _B),
    _rooms("DismissRoomByStrRoomId", _B),
    _rooms("RemoveUser", _B, "a plain kick; who has a valid UserSig may enter again"),
    _rooms("RemoveUserByStrRoomId", _B, "as RemoveUser"),
    _rooms("SetUserBlocked", _I, "2 and 3 leave the other medium as it is"),
    _rooms("SetUserBlockedByStrRoomId", _I, "as SetUserBlocked"),
    *_not("Cloud recording", _RECORDER, "CreateCloudRecording", "DescribeCloudRecording", "ModifyCloudRecording", "DeleteCloudRecording"),
    *_not("Web page recording", _RECORDER, "StartWebRecord", "DescribeWebRecord", "StopWebRecord"),
    *_not("Cloud slicing", _KEYS, "CreateCloudSliceTask", "DescribeCloudSliceTask", "ModifyCloudSliceTask", "DeleteCloudSliceTask"),
    *_not("Mixing and relay", _RELAY, "StartPublishCdnStream", "UpdatePublishCdnStream", "StopPublishCdnStream"),
    *_not(
        "Mixing and relay, legacy", _RELAY, "StartMCUMixTranscode", "StartMCUMixTranscodeByStrRoomId", "StopMCUMixTranscode",
        "StopMCUMixTranscodeByStrRoomId", site=_C,
    ),
    *_not("Pictures for mixing", _RELAY, "CreatePicture", "DescribePicture", "ModifyPicture", "DeletePicture", site=_C),
    *_not(
        "Stream ingest", "a stream that is pulled in by the operator could not be sealed", "StartStreamIngest", "UpdateStreamIngest",
        "DescribeStreamIngest", "StopStreamIngest",
    ),
    _served(_HISTORY, "DescribeRoomInfo"),
    _served(_HISTORY, "DescribeUserInfo"),
    _served(_HISTORY, "DescribeUserEvent"),
    _served(_HISTORY, "DescribeCallDetailInfo"),
    _served(_HISTORY, "DescribeUnusualEvent"),
    _served(_HISTORY, "DescribeScaleInfo", note="days are UTC; the current day is not told"),
    _served(_DASHBOARD, "DescribeTRTCRealTimeScaleData"),
    _served(_DASHBOARD, "DescribeTRTCRealTimeQualityData", note="rates in percent; RowValueFloat beside RowValue"),
    _served(_DASHBOARD, "DescribeTRTCMarketScaleData"),
    _served(_DASHBOARD, "DescribeTRTCMarketQualityData", note="rates in percent"),
    _served(_DASHBOARD, "DescribeTRTCMarketScaleMetricData", _C),
    _served(_USAGE, "DescribeTrtcUsage", rate=USAGE, note="days are UTC"),
    _served(_USAGE, "DescribeTrtcRoomUsage", rate=ROOM_USAGE, note="CSV, in seconds; in steps of five minutes"),
    _served(_USAGE, "DescribeRecordingUsage", rate=USAGE, note=_NOT_METERED),
    *_not(_USAGE, "ask DescribeRecordingUsage", "DescribeRecordStatistic", site=_C),
    _served(_USAGE, "DescribeMixTranscodingUsage", rate=USAGE, note=_NOT_METERED),
    *_not(_USAGE, "ask DescribeMixTranscodingUsage", "DescribeTrtcMcuTranscodeTime", site=_C),
    _served(_USAGE, "DescribeRelayUsage", rate=USAGE, note=_NOT_METERED),
    *_not(
        _USAGE, "there is no such service to meter", "DescribeTRTCAIRecognitionUsage", "DescribeTRTCSegmentModerationUsage",
        "DescribeTRTCDedicatedCloudAccUsage", site=_C,
    ),
    *_not(
        "Content moderation", _KEYS, "CreateCloudModeration", "DescribeCloudModeration", "ModifyCloudModeration", "DeleteCloudModeration"
    ),
    *_not(
        "Content moderation", _KEYS, "CreateLiveStreamModeration", "DescribeLiveStreamModeration", "DeleteLiveStreamModeration",
        "CreateAudioModerationSync", site=_C,
    ),
    *_not(
        "Transcription and AI conversation", _KEYS, "CreateCloudTranscription", "DescribeCloudTranscription", "DeleteCloudTranscription",
        "StartAITranscription", "DescribeAITranscription", "StopAITranscription", "StartAIConversation", "DescribeAIConversation",
        "UpdateAIConversation", "ControlAIConversation", "StopAIConversation",
    ),
    *_not("Transcription and AI conversation", _KEYS, "QueryAIMessageList", site=_I),
    *_not(_SPEECH, "there is no speech service", "TextToSpeech", "TextToSpeechSSE"),
    *_not(_SPEECH, "there is no speech service", "AsyncTextToSpeech", "DescribeAsyncTextToSpeech", site=_C),
    *_not(_SPEECH, "there is no speech service", "VoiceClone"),
    *_not(
        _SPEECH, "there is no speech service", "RegisterVoicePrint", "UpdateVoicePrint", "DescribeVoicePrint", "DeleteVoicePrint",
        "CreateRecognizeVocabV3", "UpdateRecognizeVocabV3", "DeleteRecognizeVocabV3", "GetRecognizeVocabV3", "GetRecognizeVocabListV3",
        "DownloadRecognizeVocabV3", "SetVocabStateV3", site=_C,
    ),
)  # fmt: skip

ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}
