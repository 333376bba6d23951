"""Which endpoint answers, and what to try when it does not. Pure: no I/O, no clock."""

from portico.routing.attempts import Attempt, Outcome, attempt_flow, final_error
from portico.routing.filters import Needs
from portico.routing.plan import RoutePlan, plan
from portico.routing.preferences import ProviderPreferences, parse_preferences

__all__ = [
    "Attempt",
    "Needs",
    "Outcome",
    "ProviderPreferences",
    "RoutePlan",
    "attempt_flow",
    "final_error",
    "parse_preferences",
    "plan",
]
