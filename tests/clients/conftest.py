"""The drivers run in environments of their own; they are no tests."""

collect_ignore_glob = ["drivers/*"]
