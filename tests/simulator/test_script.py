import pytest

from portico.errors import InvalidRequest
from portico.simulator import Player, Script, Step, decode_script


def play(script, *requests):
    """Return the texts of the steps that answer `requests`, in order."""
    player = Player(script)
    asked = [{"path": "/v1/chat/completions", "model": "m", "stream": False} | r for r in requests]
    return [player.next_step(**request).text for request in asked]


def test_steps_are_used_in_order_and_then_the_default_for_ever():
    script = Script(steps=(Step(text="1"), Step(text="2")), default=Step(text="d"))

    texts = play(script, {}, {}, {}, {})

    assert texts == ["1", "2", "d", "d"]


def test_a_step_waits_for_the_model_it_is_meant_for():
    script = Script(steps=(Step(model="a", text="for a"), Step(text="for any")))

    texts = play(script, {"model": "b"}, {"model": "a"}, {"model": "a"})

    assert texts == ["for any", "for a", None]


def test_a_step_waits_for_the_path_it_is_meant_for():
    script = Script(steps=(Step(path="/embeddings", text="e"), Step(text="c")))

    texts = play(script, {}, {"path": "/v1/embeddings"})

    assert texts == ["c", "e"]


def test_a_step_can_be_for_streams_only():
    script = Script(steps=(Step(stream=True, text="s"),), default=Step(text="d"))

    texts = play(script, {"stream": False}, {"stream": True})

    assert texts == ["d", "s"]


def test_a_step_can_answer_several_requests_or_all():
    twice = Script(steps=(Step(text="t", times=2), Step(text="always", times=0)))

    texts = play(twice, {}, {}, {}, {}, {})

    assert texts == ["t", "t", "always", "always", "always"]


def test_a_step_without_pace_takes_the_pace_of_the_script():
    player = Player(Script(ttft_s=2.0, chunk_interval_s=3.0, steps=(Step(ttft_s=0.5),)))

    step = player.next_step(path="/", model="m", stream=True)

    assert (step.ttft_s, step.chunk_interval_s) == (0.5, 3.0)


def test_a_script_reads_the_same_from_json_and_from_toml():
    from_json = decode_script(b'{"seed":7,"steps":[{"status":429,"retry_after_s":2.5}]}')
    from_toml = decode_script(
        b"seed = 7\n[[steps]]\nstatus = 429\nretry_after_s = 2.5\n", toml=True
    )

    assert from_json == from_toml
    assert from_json.steps[0].status == 429


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"steps":[{"statsu":429}]}', "statsu"),
        (b'{"steps":[{"how":"explode"}]}', "$.steps[0].how"),
        (b'{"steps":', "truncated"),
    ],
)
def test_a_wrong_script_is_refused_with_the_place(text, says):
    with pytest.raises(InvalidRequest, match="not a simulator script") as refusal:
        decode_script(text)

    assert says in refusal.value.message
