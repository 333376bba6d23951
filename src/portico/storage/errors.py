"""Why the database cannot be used. For whoever starts the program, never for a client."""


class StorageError(OSError):
    """The file or directory cannot be used; the message is a sentence for the terminal."""


class LockHeld(StorageError):
    """Another gateway serves from this data directory."""


class NewerSchema(StorageError):
    """The database was written by a later version of the program."""
