import json
from pathlib import Path

import pytest

from portico.ports import Deadlines
from portico.settings import ConfigError, Settings, load_settings


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "portico.toml"
    file.write_text(text, "utf-8")
    return load_settings(path=str(file), environ=environ)


def complaint(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    return str(caught.value).removeprefix(str(tmp_path) + "/")


def test_without_a_file_everything_has_its_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = load_settings(environ={"HOME": "/home/someone"})

    assert settings.server.host == "127.0.0.1"
    assert settings.server.port == 8400
    assert settings.server.data_dir == Path("/home/someone/.local/share/portico")
    assert settings.stream.stream_tail is None
    assert settings.deadlines == Deadlines()
    assert settings.path is None
    assert set(settings.origins.values()) == {"default"}


def test_a_portico_toml_in_the_working_directory_is_read(tmp_path, monkeypatch):
    (tmp_path / "portico.toml").write_text("[server]\nport = 1234\n")
    monkeypatch.chdir(tmp_path)

    settings = load_settings(environ={})

    assert (settings.server.port, settings.path) == (1234, "portico.toml")


def test_portico_config_names_the_file_and_a_path_argument_wins_over_it(tmp_path):
    (tmp_path / "one.toml").write_text("[server]\nport = 1\n")
    (tmp_path / "two.toml").write_text("[server]\nport = 2\n")
    environ = {"PORTICO_CONFIG": str(tmp_path / "one.toml")}

    from_environment = load_settings(environ=environ)
    from_argument = load_settings(environ=environ, path=str(tmp_path / "two.toml"))

    assert (from_environment.server.port, from_argument.server.port) == (1, 2)


def test_flag_wins_over_environment_over_file_over_default(tmp_path):
    file = tmp_path / "portico.toml"
    file.write_text('[server]\nhost = "file"\nport = 1\ndata_dir = "/file"\n')
    environ = {"PORTICO_PORT": "2", "PORTICO_DATA_DIR": "/env"}

    settings = load_settings(path=str(file), environ=environ, data_dir="/flag")

    assert settings.server.host == "file"
    assert settings.server.port == 2
    assert settings.server.data_dir == Path("/flag")
    assert settings.origins["server.host"] == "file"
    assert settings.origins["server.port"] == "env"
    assert settings.origins["server.data_dir"] == "flag"
    assert settings.origins["server.public_catalog"] == "default"


def test_all_sections_are_read(tmp_path):
    settings = load(
        tmp_path,
        """
        [server]
        public_catalog = true
        [stream]
        wire_profile = "2025"
        stream_tail = "null_finish"
        keepalive_s = 3
        stream_commit_after_s = 1.5
        [limits]
        max_body_bytes = 1000
        [deadlines]
        connect_s = 1
        """,
    )

    assert settings.server.public_catalog
    assert settings.stream.wire_profile == "2025"
    assert settings.stream.stream_tail == "null_finish"
    assert (settings.stream.keepalive_s, settings.stream.stream_commit_after_s) == (3.0, 1.5)
    assert settings.limits.max_body_bytes == 1000
    assert settings.limits.default_output_tokens == 4096
    assert settings.deadlines == Deadlines(connect_s=1.0)


def test_wire_profile_and_tail_come_from_the_environment(tmp_path):
    settings = load(tmp_path, "", PORTICO_WIRE_PROFILE="2025", PORTICO_STREAM_TAIL="empty_choices")

    assert settings.stream.wire_profile == "2025"
    assert settings.stream.stream_tail == "empty_choices"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '# keys\n\n[providers.openai]\nbase_ur = "https://x.example"\n',
            'portico.toml:4: [providers.openai] unknown key "base_ur" (did you mean "base_url"?)',
        ),
        (
            "[server]\nport = 1\n[sever]\nport = 2\n",
            'portico.toml:3: [sever] unknown section "sever" (did you mean "server"?)',
        ),
        (
            '[server]\nhost = "a"\nport = "8400"\n',
            'portico.toml:3: [server] "port": expected `int`, got `str`',
        ),
        (
            "[server]\nport = 70000\n",
            'portico.toml:2: [server] "port": expected `int` <= 65535',
        ),
        (
            "[limits]\nmax_body_bytes = 1.5\n",
            'portico.toml:2: [limits] "max_body_bytes": expected `int`, got `float`',
        ),
        (
            "[stream]\nkeepalive_s = -1\n",
            'portico.toml:2: [stream] "keepalive_s": expected `float` >= 0.0',
        ),
        (
            "server = 3\n",
            "portico.toml:1: [server] must be a table",
        ),
        (
            "server.prt = 3\n",
            'portico.toml:1: [server] unknown key "prt" (did you mean "port"?)',
        ),
        (
            "[providers.grok]\nenabled = true\n",
            "portico.toml:1: [providers.grok] is not a built-in provider, so it needs base_url"
            ' (did you mean "groq"?)',
        ),
        (
            '[providers.x]\nbase_url = "localhost:80"\n',
            'portico.toml:2: [providers.x] "base_url": not an http(s) URL',
        ),
        (
            '[providers.X_Y]\nbase_url = "http://a"\n',
            "portico.toml:1: [providers.X_Y] a slug has lower-case letters, digits and dashes",
        ),
        (
            '[[models]]\nid = "a/b"\n',
            'portico.toml:1: [[models]] "provider" is missing',
        ),
        (
            '[[models]]\nid = "a/b"\nprovider = "grok"\n',
            'portico.toml:3: [[models]] "provider": "grok" is not known (did you mean "groq"?)',
        ),
        (
            '[[models]]\nid = "a/b:free"\nprovider = "groq"\n',
            'portico.toml:2: [[models]] "id": ends in a reserved suffix',
        ),
        (
            '[[models]]\nid = "a/b"\nprovider = "groq"\n[[models]]\nid = "c/d"\n'
            'provider = "groq"\ncontext = 1\n',
            'portico.toml:7: [[models]] unknown key "context" (did you mean "context_tokens"?)',
        ),
        (
            '[[models]]\nid = "a/b"\nprovider = "groq"\nprice = { prompt = "1" }\n',
            'portico.toml:4: [[models]] price "completion" is missing (write "0" if it is free)',
        ),
        (
            '[[models]]\nid = "a/b"\nprovider = "groq"\n[models.price]\nprompt = "1"\n'
            'completion = "-2"\n',
            "portico.toml:6: [[models]] price \"completion\": '-2' is not a price",
        ),
        (
            '[[models]]\nid = "a/b"\nprovider = "groq"\n'
            'price = { prompt = "1", completion = "0.0000001" }\n',
            "portico.toml:4: [[models]] price \"completion\": '0.0000001' is finer than "
            "one pico-dollar per unit",
        ),
    ],
)
def test_a_mistake_is_reported_with_line_section_and_key(tmp_path, text, message):
    said = complaint(tmp_path, text)

    assert said == message


def test_invalid_toml_is_reported_with_its_line(tmp_path):
    said = complaint(tmp_path, "[server]\nport = = 1\n")

    assert said.startswith("portico.toml:2: ")


def test_a_bad_environment_variable_is_named(tmp_path):
    said = complaint(tmp_path, "", PORTICO_PORT="many")

    assert said.startswith("PORTICO_PORT: ")
    assert "'many'" in said


def test_a_named_file_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(path=str(tmp_path / "gone.toml"), environ={})


def test_a_private_server_is_three_lines(tmp_path):
    settings = load(
        tmp_path, '[providers.mybox]\nbase_url = "http://10.0.0.5:8000/v1/"\nname = "My box"\n'
    )

    table = settings.providers["mybox"]

    assert (table.base_url, table.name, table.api_key) == (
        "http://10.0.0.5:8000/v1",
        "My box",
        None,
    )
    assert settings.origins["providers.mybox.base_url"] == "file"


def test_keys_come_from_the_environment_and_from_files(tmp_path):
    (tmp_path / "key").write_text("from-file\n")

    settings = load(
        tmp_path,
        f'[providers.groq]\napi_key = "env:MY_KEY"\n'
        f'[providers.openai]\napi_key = "file:{tmp_path / "key"}"\n',
        MY_KEY="from-env",
    )

    assert settings.providers["groq"].api_key.reveal() == "from-env"
    assert settings.providers["openai"].api_key.reveal() == "from-file"
    assert settings.warnings == ()


def test_a_literal_key_works_with_a_warning_that_does_not_show_it(tmp_path):
    settings = load(tmp_path, '[providers.groq]\napi_key = "written-out"\n')

    assert settings.providers["groq"].api_key.reveal() == "written-out"
    assert len(settings.warnings) == 1
    assert "written-out" not in settings.warnings[0]


@pytest.mark.parametrize("reference", ["env:NOT_SET", "file:/nowhere/at/all", ""])
def test_a_key_that_cannot_be_found_is_an_error_unless_the_provider_is_off(tmp_path, reference):
    text = f'[providers.groq]\napi_key = "{reference}"\n'

    said = complaint(tmp_path, text)
    off = load(tmp_path, text + "enabled = false\n")

    assert said.startswith('portico.toml:2: [providers.groq] "api_key": ')
    assert off.providers["groq"].api_key is None


def test_a_key_of_several_texts_is_one_secret(tmp_path):
    (tmp_path / "secret").write_text("from-file\n")
    table = (
        f'{{ access_key_id = "env:ID", secret_access_key = "file:{tmp_path / "secret"}", '
        'region = "eu-west-1" }'
    )

    settings = load(
        tmp_path,
        f"[providers.amazon-bedrock]\napi_key = {table}\n"
        f'credentials = [{{ name = "other", api_key = {table} }}]\n',
        ID="from-env",
    )

    said = settings.providers["amazon-bedrock"]
    parts = {"access_key_id": "from-env", "secret_access_key": "from-file", "region": "eu-west-1"}
    assert json.loads(said.api_key.reveal()) == parts
    assert json.loads(said.credentials[0][1].reveal()) == parts
    assert settings.warnings == ()


def test_a_part_of_a_key_that_cannot_be_found_is_an_error(tmp_path):
    text = '[providers.amazon-bedrock]\napi_key = { access_key_id = "env:NOT_SET" }\n'

    assert "NOT_SET is not set" in complaint(tmp_path, text)


def test_how_a_key_is_sent_has_to_be_a_known_way(tmp_path):
    text = '[providers.mine]\nbase_url = "http://127.0.0.1:9"\nauth = "{}"\n'

    settings = load(tmp_path, text.format("query-key"))

    assert settings.providers["mine"].auth == "query-key"
    assert 'did you mean "bearer"?' in complaint(tmp_path, text.format("beare"))


def test_a_secret_is_not_shown_by_its_settings(tmp_path):
    settings = load(tmp_path, '[providers.groq]\napi_key = "env:K"\n', K="canary")

    assert "canary" not in repr(settings)


def test_a_model_declaration_has_exact_prices(tmp_path):
    settings = load(
        tmp_path,
        """
        [[models]]
        id = "acme/orca-2"
        provider = "groq"
        upstream_model = "orca-2"
        context_tokens = 8192
        supported_parameters = ["tools", "temperature"]
        [models.price]
        prompt = "0.15"
        completion = 0.6
        cache_read = "0"
        request = "0.005"
        """,
    )

    declared = settings.models[0]

    assert (declared.model, declared.upstream_model) == ("acme/orca-2", "orca-2")
    assert declared.supported_parameters == {"tools", "temperature"}
    assert declared.pricing.prompt_picousd == 150_000
    assert declared.pricing.completion_picousd == 600_000
    assert declared.pricing.cache_read_picousd == 0
    assert declared.pricing.cache_write_picousd is None
    assert declared.pricing.request_picousd == 5_000_000_000


def test_a_model_without_a_price_has_none(tmp_path):
    settings = load(tmp_path, '[[models]]\nid = "a/b"\nprovider = "groq"\n')

    assert settings.models[0].pricing is None
