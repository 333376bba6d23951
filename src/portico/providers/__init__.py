"""Every provider Portico knows: one `PROVIDER` record in each module of this folder.

The folder is scanned because it is data and has dozens of files; a new
provider is a new file and nothing else. `base` holds the record's type,
`patches` what records share, `signing` how requests prove who pays.
"""

import importlib
import pkgutil

from portico.providers.base import STANDARD_PARAMETERS, Provider, SideForm, speaking

__all__ = ["PROVIDERS", "STANDARD_PARAMETERS", "Provider", "SideForm", "speaking"]

_NOT_RECORDS = frozenset({"base", "patches", "signing"})


def _discover() -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name not in _NOT_RECORDS:
            record: Provider = importlib.import_module(f"{__name__}.{module.name}").PROVIDER
            found[record.slug] = record
    return found


PROVIDERS: dict[str, Provider] = _discover()
"""Built-in providers by slug, in alphabetical order of their modules."""
