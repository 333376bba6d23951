from portico.providers.snowflake import PROVIDER


def test_fields_that_are_empty_instead_of_absent_are_removed():
    answer = {
        "choices": [
            {
                "message": {
                    "content": "4",
                    "refusal": "",
                    "audio": {"data": "", "expires_at": 0},
                    "function_call": {"arguments": "", "name": ""},
                }
            }
        ]
    }

    PROVIDER.patch_chunk(answer)

    assert answer["choices"] == [{"message": {"content": "4"}}]


def test_fields_with_a_value_are_kept():
    chunk = {"choices": [{"delta": {"refusal": "no", "function_call": {"name": "add"}}}]}

    PROVIDER.patch_chunk(chunk)

    assert chunk["choices"][0]["delta"] == {"refusal": "no", "function_call": {"name": "add"}}
