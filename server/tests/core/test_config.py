# SPDX-License-Identifier: Apache-2.0
"""Configuration: where values come from, and what is said about wrong ones."""

import traceback
from pathlib import Path

import msgspec
import pytest

from sealroom.core.config import load
from sealroom.core.config.describe import changed_settings, descriptions, effective, sample
from sealroom.core.config.load import sections
from sealroom.core.config.schema import Configuration, secrets
from sealroom.core.errors import ConfigurationError

SECRET = "s" * 40


def written(folder: Path, text: str) -> Path:
    file = folder / "sealroom.toml"
    file.write_text(text)
    return file


def test_flags_come_before_the_environment_before_the_file_before_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, '[media]\nport = 1\ndtls = "1.3"\n[rooms]\nlive_linger = 7\n')
    environment = {"SEALROOM_MEDIA__PORT": "2", "SEALROOM_MEDIA__DTLS": "auto", "SEALROOM_CONFIG": "x"}
    loaded = load(file, environment, {("media", "port"): 3})
    media = loaded.configuration.media
    assert (media.port, media.dtls, loaded.configuration.rooms.live_linger) == (3, "auto", 7.0)
    origins = loaded.origins
    assert origins["media.port"] == "command line"
    assert origins["media.dtls"] == "SEALROOM_MEDIA__DTLS"
    assert origins["rooms.live_linger"] == str(file)
    assert origins["admin.listen"] == "default"


def test_a_list_in_the_environment_is_written_with_commas() -> None:
    loaded = load(None, {"SEALROOM_SIGNALLING__BEHIND_PROXY": "10.0.0.0/8, fd00::/8"})
    assert loaded.configuration.signalling.behind_proxy == ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[media]\nprot = 1", "port"),
        ("[meda]\nport = 1", "media"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path, text: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, text), {})
    assert caught.value.action == f"Did you mean `{nearest}`?"


@pytest.mark.parametrize("variable", ["SEALROOM_MEDIA__PROT", "SEALROOM_MEDIA_PORT"])
def test_an_unknown_environment_variable_is_an_error_too(variable: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {variable: "1"})
    assert "SEALROOM_MEDIA__PORT" in caught.value.action


def test_a_variable_that_is_no_settings_is_nobody_elses_business() -> None:
    foreign = {"SEALROOM_TEST_NATS": "x", "SEALROOM": "x", "SEALROOM_API_SERVICE_HOST": "10.0.0.1"}
    foreign["SEALROOM_MEDIA_PORT"] = "tcp://10.0.0.1:443"
    assert load(None, foreign).configuration == Configuration()


def test_a_setting_and_the_file_of_the_same_are_not_both_taken(tmp_path: Path) -> None:
    (tmp_path / "level").write_text("info")
    both = {"SEALROOM_LOG__LEVEL": "debug", "SEALROOM_LOG__LEVEL_FILE": str(tmp_path / "level")}
    for environment in (both, dict(reversed(both.items()))):
        with pytest.raises(ConfigurationError, match="both set"):
            load(None, environment)


@pytest.mark.parametrize(
    "text", ["[media]\nport = 70000", "[media]\nport = []", "media = 1", "[media", '[log]\nlevel = "loud"']
)
def test_a_value_that_does_not_fit_is_an_error_that_says_where(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert str(file) in str(caught.value) or "media" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("LOG__LEVEL", "debug, info, warning, error"), ("RECORDS__ENGINE", "opensearch, elasticsearch"), ("SITE__NAME", "regex"),
        ("RECORDS__REPLICAS", "int"), ("SERVER__DRAIN_SECONDS", "float"),
    ],
)  # fmt: skip
def test_what_a_file_holds_that_was_named_by_mistake_is_not_told(
    tmp_path: Path, setting: str, allowed: str
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    variable = f"SEALROOM_{setting}_FILE"
    with pytest.raises(ConfigurationError) as caught:
        load(None, {variable: str(tmp_path / "secret")})
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    section, key = setting.lower().split("__")
    assert f"[{section}] {key} " in caught.value.sentence
    assert allowed in caught.value.sentence
    assert variable in caught.value.action


def test_a_wrong_word_that_somebody_wrote_himself_is_told_with_those_that_are_taken(tmp_path: Path) -> None:
    for file, environment in (
        (written(tmp_path, '[log]\nlevel = "loud"'), {}),
        (None, {"SEALROOM_LOG__LEVEL": "loud"}),
    ):
        with pytest.raises(ConfigurationError, match=r"level does not fit: .*'loud'; it takes debug, info"):
            load(file, environment)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path / "none.toml", {})


def test_applications_of_before_are_told_where_they_went(tmp_path: Path) -> None:
    block = f'[[applications]]\nsdk_app_id = 1\nname = "x"\nsecret_keys = ["{SECRET}"]\n'
    with pytest.raises(ConfigurationError, match="sealroom app create") as caught:
        load(written(tmp_path, block), {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://sealroom:{SECRET}@db/x?sslmode=require",
        f"postgresql://db/x?password={SECRET}&sslmode=require",
    ],
)
def test_the_password_of_the_database_is_not_shown(url: str) -> None:
    shown = effective(load(None, {"SEALROOM_DATABASE__URL": url}))
    assert SECRET not in shown
    assert "sslmode=require" in shown
    assert "SEALROOM_DATABASE__URL" in shown


def test_a_secret_may_lie_in_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    loaded = load(None, {"SEALROOM_RECORDS__PASSWORD_FILE": str(tmp_path / "password")})
    assert loaded.configuration.records.password == SECRET
    assert loaded.origins["records.password"] == "SEALROOM_RECORDS__PASSWORD_FILE"
    assert SECRET not in effective(loaded)
    assert 'records.password = "***"' in effective(loaded)
    assert 'records.password = ""' in effective(load(None, {}))
    with pytest.raises(ConfigurationError, match="PASSWORD_FILE names cannot be read"):
        load(None, {"SEALROOM_RECORDS__PASSWORD_FILE": str(tmp_path / "none")})


def test_every_secret_may_lie_in_a_file_and_none_is_shown(tmp_path: Path) -> None:
    hidden = [
        (section, key)
        for section in sections()
        for key in sorted(secrets(type(getattr(Configuration(), section))))
    ]
    assert {("records", "password"), ("traces", "authorization")} <= set(hidden)
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    variables = {f"SEALROOM_{section}__{key}_FILE".upper(): str(file) for section, key in hidden}
    loaded = load(None, variables)
    for section, key in hidden:
        assert getattr(getattr(loaded.configuration, section), key) == SECRET
    assert SECRET not in effective(loaded)
    kept = changed_settings(loaded.configuration)
    assert kept == {f"{section}.{key}": '"***"' for section, key in hidden}


def test_the_sample_says_every_default_and_is_read_back_as_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, sample()), {}).configuration == Configuration()


def test_every_key_says_what_turning_it_does() -> None:
    kinds: list[type[msgspec.Struct]] = [type(getattr(Configuration(), section)) for section in sections()]
    for kind in kinds:
        for key, description in descriptions(kind).items():
            assert len(description) > 10, f"{kind.__name__}.{key}"
