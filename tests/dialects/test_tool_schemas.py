"""The tools of a request, in the forms of all surfaces."""

import pytest

from portico.dialects.tool_schemas import declared_tools


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b'[{"type":"function","function":{"name":"f"}}]', {"f"}),
        (b'[{"type":"function","name":"f","parameters":{}}]', {"f"}),
        (b'[{"name":"f","input_schema":{}},{"name":"g","input_schema":{}}]', {"f", "g"}),
        (b'[{"type":"custom","name":"f","input_schema":{}}]', {"f"}),
        (b"[]", set()),
        # of another kind: nothing is known of the names it brings
        (b'[{"type":"custom","name":"f"}]', None),
        (b'[{"type":"function","function":{"name":"f"}},{"type":"openrouter:web_search"}]', None),
        (b'[{"type":"function"}]', None),
        (b"[7]", None),
        (b"{}", None),
        (b"[", None),
    ],
)
def test_tools_are_read_in_the_forms_of_all_surfaces(raw, names):
    found = declared_tools(raw)

    assert (None if found is None else found.keys()) == names
