"""Keys can have a form of the last chunks of their own."""

import apsw


def m0002_stream_tail(db: apsw.Connection) -> None:
    """Null is the form that the gateway's settings say."""
    db.execute("""
        ALTER TABLE keys ADD COLUMN stream_tail TEXT
        CHECK (stream_tail IN ('repeat_finish', 'null_finish', 'empty_choices'))
    """)
