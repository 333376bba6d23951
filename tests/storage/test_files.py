import pytest

from portico.storage.files import replace_file


def test_a_file_is_replaced_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "a" / "b.yaml"

    replace_file(path, b"1")
    replace_file(path, b"2")

    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_if_writing_fails(tmp_path):
    path = tmp_path / "b.yaml"
    replace_file(path, b"1")

    with pytest.raises(TypeError):
        replace_file(path, "no bytes")

    assert path.read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [path]
