# SPDX-License-Identifier: Apache-2.0
"""The official SDKs, each imported from its own folder and kept apart from the other."""

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.trtc_sdks import ensure


class Sdk:
    """One edition: its client, its requests, its exception."""

    def __init__(self, edition: str) -> None:
        with _from(ensure(edition)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client: ModuleType = importlib.import_module("tencentcloud.trtc.v20190722.trtc_client")
            self.models: ModuleType = importlib.import_module("tencentcloud.trtc.v20190722.models")
            self.error_codes: ModuleType = importlib.import_module("tencentcloud.trtc.v20190722.errorcodes")
            self.credential: ModuleType = importlib.import_module("tencentcloud.common.credential")
            profile = importlib.import_module("tencentcloud.common.profile.client_profile")
            http = importlib.import_module("tencentcloud.common.profile.http_profile")
            errors = importlib.import_module("tencentcloud.common.exception.tencent_cloud_sdk_exception")
        self.ClientProfile, self.HttpProfile = profile.ClientProfile, http.HttpProfile
        self.Failed: type[Exception] = errors.TencentCloudSDKException

    @property
    def actions(self) -> set[str]:
        """Every action that the client has a method for."""
        return {name for name in vars(self.client.TrtcClient) if name[0].isupper()}

    def connect(
        self, endpoint: str, secret_id: str, secret_key: str, *, scheme: str = "http", method: str = "POST", trust: Path | None = None,
        **profile: Any,
    ) -> Any:  # fmt: skip
        """A client; nothing is changed but endpoint and key (and, for the test, who is trusted)."""
        http = self.HttpProfile(
            protocol=scheme, endpoint=endpoint, reqMethod=method, reqTimeout=10, certification=str(trust) if trust else None
        )  # fmt: skip
        credential = self.credential.Credential(secret_id, secret_key)
        return self.client.TrtcClient(
            credential, "ap-singapore", self.ClientProfile(httpProfile=http, **profile)
        )

    def call(self, client: Any, action: str, **parameters: object) -> Any:
        """Calls an action the way the SDK's examples do; blocks."""
        request = getattr(self.models, f"{action}Request")()
        for name, value in parameters.items():
            if not hasattr(request, name):
                raise AttributeError(f"{action} has no {name} in this edition")
            setattr(request, name, value)
        return getattr(client, action)(request)


@contextmanager
def _from(folder: Path) -> Iterator[None]:
    """Imports come from the folder first; what is called `tencentcloud` is forgotten again afterwards."""

    def mine() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == "tencentcloud"]

    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in mine():
            del sys.modules[name]
