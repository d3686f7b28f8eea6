"""Routes of all actions, for operators only."""

from fastapi import APIRouter, Depends

from tipoff_monitor.console.actions import alerts, letters, workflows
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import gated_router, require_operator


def action_routes(deps: ConsoleDeps) -> APIRouter:
    """Return the routes: a GET returns the confirmation page and changes nothing, its POST performs the action."""
    router = gated_router(deps, dependencies=[Depends(require_operator)])
    workflows.routes(router, deps)
    letters.routes(router, deps)
    alerts.routes(router, deps)
    return router
