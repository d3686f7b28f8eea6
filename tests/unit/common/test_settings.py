"""Tests of settings: checks at start, with the variable of each fault."""

import os
from collections.abc import Mapping

import pytest

from tests.support.applications import APPLICATIONS
from tipoff_common.settings import ServiceSettings, SettingsError, load_settings, variable

LOCAL = {
    "TIPOFF_ENVIRONMENT": "local",
    "TIPOFF_PROJECT": "p",
    "TIPOFF_DATA_BUCKET": "data",
    "TIPOFF_STATE_BUCKET": "state",
    "TIPOFF_DEVELOPMENT_KEY": "key",
}
PROD = {
    **{name: value for name, value in LOCAL.items() if name != "TIPOFF_DEVELOPMENT_KEY"},
    "TIPOFF_ENVIRONMENT": "prod",
    "TIPOFF_AUDIENCE": "https://runner.example",
    "TIPOFF_PUSH_SERVICE_ACCOUNT": "push@p.iam.gserviceaccount.com",
}
EMBEDDED = {
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
    "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:9050",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9023",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TIPOFF_") or name in {*EMBEDDED, "PORT"}:
            monkeypatch.delenv(name)


CLOUD_RUN: Mapping[str, str] = {
    "K_SERVICE": "runner",
    "K_CONFIGURATION": "runner",
    "K_REVISION": "runner-00042-xyz",
}


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> ServiceSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(ServiceSettings)


def faults(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(monkeypatch, environment)
    return str(error.value).splitlines()


def without(environment: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key != name}


def test_a_complete_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**PROD, "PORT": "9000", "TIPOFF_INVOKERS": '["a@example.com"]'})
    assert (settings.environment, settings.port, settings.invokers) == ("prod", 9000, ("a@example.com",))
    assert settings.development_key is None


@pytest.mark.parametrize("name", sorted(without(LOCAL, "TIPOFF_DEVELOPMENT_KEY")))
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert faults(monkeypatch, without(LOCAL, name)) == [f"{name}: missing; set it"]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("TIPOFF_ENVIRONMENT", "production", "unknown value; use one of local, dev, staging, prod"),
        ("TIPOFF_PROJECT", "", "empty; write a value"),
        ("PORT", "http", "not a whole number"),
        ("PORT", "0", "greater than or equal to 1"),
        ("PORT", "80800", "less than or equal to 65535"),
        ("TIPOFF_EVENT_TIME", "maybe", "not a boolean; write true or false"),
        ("TIPOFF_INVOKERS", "a@example.com", "JSON list"),
    ],
)
def test_a_malformed_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    (found,) = faults(monkeypatch, {**LOCAL, name: value})
    assert found.startswith(f"{name}: ")
    assert fault in found


NUMBERS = [
    pytest.param(model, name, id=f"{service}-{name}")
    for service, (_, model, _) in APPLICATIONS.items()
    for name, field in model.model_fields.items()
    if field.annotation in (int, float)
]


@pytest.mark.parametrize("value", ["-1", str(10**15)])
@pytest.mark.parametrize(("model", "name"), NUMBERS)
def test_out_of_range_number_is_named_at_start(
    monkeypatch: pytest.MonkeyPatch, model: type[ServiceSettings], name: str, value: str
) -> None:
    for key, given in {**LOCAL, variable(name, model): value}.items():
        monkeypatch.setenv(key, given)
    with pytest.raises(SettingsError, match=f"^{variable(name, model)}: Input should be "):
        load_settings(model)


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alert settings were read by nothing (incident 37)."""
    assert faults(monkeypatch, {**LOCAL, "TIPOFF_INVOKER": "[]"}) == [
        "TIPOFF_INVOKER: unknown variable; unset it or correct its spelling"
    ]


def test_variables_of_other_programs_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, {**LOCAL, "HOME_SWEET_HOME": "1", "TIPOFF_PUBSUB": "embedded"}).project == "p"


def test_all_faults_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(monkeypatch, {"TIPOFF_PROJECT": "p", "TIPOFF_COLOUR": "red", "PORT": "http"})
    assert {fault.partition(":")[0] for fault in found} == {
        "TIPOFF_COLOUR",
        "TIPOFF_ENVIRONMENT",
        "TIPOFF_DATA_BUCKET",
        "TIPOFF_STATE_BUCKET",
        "PORT",
    }


def test_local_environment_requires_development_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authentication stays on in the local environment."""
    (fault,) = faults(monkeypatch, without(LOCAL, "TIPOFF_DEVELOPMENT_KEY"))
    assert fault == "TIPOFF_DEVELOPMENT_KEY is missing; set it for the local environment"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_development_key_is_refused_outside_local_environment(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    (fault,) = faults(
        monkeypatch, {**PROD, "TIPOFF_ENVIRONMENT": environment, "TIPOFF_DEVELOPMENT_KEY": "key"}
    )
    assert fault == "TIPOFF_DEVELOPMENT_KEY is for the local environment only; unset it"


@pytest.mark.parametrize("name", ["TIPOFF_AUDIENCE", "TIPOFF_PUSH_SERVICE_ACCOUNT"])
def test_push_verification_settings_are_required_in_production(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert faults(monkeypatch, without(PROD, name)) == [f"{name} is missing; set it to verify pushes"]


@pytest.mark.parametrize(
    "name", ["TIPOFF_AUDIENCE", "TIPOFF_PUSH_SERVICE_ACCOUNT", "TIPOFF_SCHEDULER_SERVICE_ACCOUNT"]
)
def test_empty_identity_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (fault,) = faults(monkeypatch, {**PROD, name: ""})
    assert fault.startswith(f"{name}: ")


def test_signature_check_setting_requires_cloud_run(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {**PROD, "TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES": "true"}
    (fault,) = faults(monkeypatch, environ)
    assert fault.startswith("TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES is for Cloud Run")
    assert load(monkeypatch, {**environ, **CLOUD_RUN}).cloud_run_checks_signatures


@pytest.mark.parametrize(
    "wrong",
    [
        {"K_SERVICE": "anything", "K_REVISION": "", "K_CONFIGURATION": ""},
        {"K_REVISION": "another-00001-abc"},
        {"K_CONFIGURATION": "another"},
        {"K_SERVICE": "another"},
        {"TIPOFF_AUDIENCE": "runner"},
        {"TIPOFF_AUDIENCE": "http://runner.example"},
    ],
    ids=str,
)
def test_signature_check_setting_is_refused_for_inconsistent_cloud_run(
    monkeypatch: pytest.MonkeyPatch, wrong: Mapping[str, str]
) -> None:
    environ = {**PROD, **CLOUD_RUN, "TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES": "true", **wrong}
    (fault,) = faults(monkeypatch, environ)
    assert "TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES" in fault


@pytest.mark.parametrize("name", ["K_SERVICE", "K_REVISION", "K_CONFIGURATION"])
def test_local_environment_is_refused_on_cloud_run(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """On Cloud Run a key of one character would have been the only protection."""
    (fault,) = faults(monkeypatch, {**LOCAL, "TIPOFF_DEVELOPMENT_KEY": "x", name: "runner"})
    assert fault.startswith("TIPOFF_ENVIRONMENT=local is for a developer's machine")


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
@pytest.mark.parametrize("name", ["PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"])
def test_emulator_host_is_refused_outside_local_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, environment: str
) -> None:
    environ = {**PROD, "TIPOFF_ENVIRONMENT": environment, name: "http://127.0.0.1:9"}
    assert faults(monkeypatch, environ) == [f"{name}: for the local environment only; unset them"]


def test_staging_is_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, {**PROD, "TIPOFF_ENVIRONMENT": "staging"}).environment == "staging"


@pytest.mark.parametrize("commit", ["", "0123456789abcdef0123456789abcdef01234567"])
def test_commit_is_read_and_may_be_empty(monkeypatch: pytest.MonkeyPatch, commit: str) -> None:
    assert load(monkeypatch, {**PROD, "TIPOFF_COMMIT": commit}).commit == commit


def test_empty_development_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, {**LOCAL, "TIPOFF_DEVELOPMENT_KEY": ""})
    assert fault.startswith("TIPOFF_DEVELOPMENT_KEY: ")


def test_event_time_is_accepted_with_embedded_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**LOCAL, **EMBEDDED, "TIPOFF_EVENT_TIME": "true"})
    assert settings.event_time


@pytest.mark.parametrize("name", EMBEDDED)
def test_event_time_is_refused_with_any_real_endpoint(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (fault,) = faults(monkeypatch, {**LOCAL, **without(EMBEDDED, name), "TIPOFF_EVENT_TIME": "true"})
    assert fault == "TIPOFF_EVENT_TIME is for the local environment on embedded endpoints only; unset it"


def test_event_time_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, {**PROD, **EMBEDDED, "TIPOFF_EVENT_TIME": "true"})
    assert fault.startswith("TIPOFF_EVENT_TIME is for the local environment")


def test_development_key_is_not_in_repr_or_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, {**LOCAL, "TIPOFF_DEVELOPMENT_KEY": "open-sesame"})
    assert "open-sesame" not in repr(settings)
    assert "open-sesame" not in settings.model_dump_json()


def test_every_setting_has_a_description() -> None:
    fields = ServiceSettings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


def test_only_standard_variables_have_no_prefix() -> None:
    assert variable("data_bucket", ServiceSettings) == "TIPOFF_DATA_BUCKET"
    assert variable("port", ServiceSettings) == "PORT"
    assert variable("pubsub_emulator_host", ServiceSettings) == "PUBSUB_EMULATOR_HOST"
