"""Which endpoint answers, and what to try when it does not. Pure: no I/O, no clock."""

from portico.routing.attempts import Attempt, Outcome, attempt_flow, final_error
from portico.routing.directory import Directory
from portico.routing.facts import Candidate
from portico.routing.naming import Asking, Names, targets_of
from portico.routing.needs import Conditions, Credential, Needs, Target
from portico.routing.plan import RoutePlan, plan
from portico.routing.preferences import ProviderPreferences, parse_preferences

__all__ = [
    "Asking",
    "Attempt",
    "Candidate",
    "Conditions",
    "Credential",
    "Directory",
    "Names",
    "Needs",
    "Outcome",
    "ProviderPreferences",
    "RoutePlan",
    "Target",
    "attempt_flow",
    "final_error",
    "parse_preferences",
    "plan",
    "targets_of",
]
