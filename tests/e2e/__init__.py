"""The promises about reliability and bad input, shown on real gateway processes."""

import pytest

pytest.register_assert_rewrite("tests.e2e.site")
