"""`tipoff deploy`: a plan, and with --apply the build, the application and the smoke test."""

import sys
from typing import Annotated

import typer

from tipoff_cli.checkout import service_names
from tipoff_cli.commands.deploy.deployment import (
    BuildWith,
    Deployment,
    DeployRefused,
    apply,
    build,
    digests,
    missing_images,
    plan,
)
from tipoff_cli.commands.deploy.preflight import check
from tipoff_cli.commands.deploy.shell import LocalShell, ShellFailed
from tipoff_cli.console import console, refuse


def deploy(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="dev or prod")],
    project: Annotated[str, typer.Option(metavar="P", help="Google Cloud project of that environment")],
    region: Annotated[
        str, typer.Option(metavar="R", help="region of the images and services")
    ] = "us-central1",
    build_with: Annotated[
        BuildWith, typer.Option("--build", help="who builds the images that the registry lacks")
    ] = BuildWith.CLOUD_BUILD,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--apply", help="stop once the plan is shown, or go on")
    ] = True,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="ENV", help="the environment's name once more, in place of being asked"),
    ] = None,
    images_from: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="project whose images of this commit run here, by their digests; nothing is built",
        ),
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="with --dry-run: fail when anything differs from what is deployed")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="accept that the project holds something else too")
    ] = False,
) -> None:
    """Show Terraform's plan, and with --apply build the commit's images, apply it and send real events through.

    The command checks all requirements before it builds or changes anything. Exit code 2 when a requirement is missing,
    1 when a step fails.
    """
    deployment = Deployment(environment, project, region, build_with, images_from, shared)
    shell = LocalShell()
    if drift and not dry_run:
        refuse("--drift looks and changes nothing: leave --apply out", 2)
    if not dry_run and confirm is None and not sys.stdin.isatty():
        refuse(
            f"nobody is there to ask: pass --confirm {environment} (CONFIRM={environment}); nothing is changed",
            2,
        )
    if confirm is not None:
        _confirmed(confirm, environment)
    try:
        tag = check(deployment, shell)
        promoted = digests(deployment, tag, shell) if images_from else {}
        plan(deployment, promoted or dict.fromkeys(service_names(), tag), shell, dry_run=dry_run, drift=drift)
        missing = [] if promoted else missing_images(deployment, tag, shell)
        console.print(
            f"images of {tag} that have to be built first: {', '.join(missing)}"
            if missing
            else f"all images of {tag} are built"
        )
        if dry_run:
            console.print(
                f"that was the plan; nothing is built or changed: {_apply_command(deployment)} goes on"
            )
            return
        if confirm is None:
            _confirmed(typer.prompt(f"apply this plan? Type {environment}"), environment)
        if missing:
            build(deployment, tag, missing, shell)
        apply(deployment, shell)
        console.print(f"deployed {tag} to {environment}", style="green")
    except DeployRefused as error:
        refuse(f"cannot deploy; nothing is changed:\n{error}", 2)
    except ShellFailed as error:
        # Terraform's exit code 2 is a difference, which it has printed above; any other code is a failure.
        differs = drift and str(error).endswith("exit code 2")
        refuse(
            "something differs from what the last deployment left, see above: deploy again, or take the change over"
            if differs
            else str(error)
        )


def _apply_command(deployment: Deployment) -> str:
    """Return the command that applies the plan: a fleet has no Makefile."""
    environment, project = deployment.environment, deployment.project
    if deployment.own_fleet:
        return f"tipoff deploy {environment} --project {project} --apply"
    return f"make deploy ENV={environment} PROJECT={project} APPLY=yes"


def _confirmed(by: str, environment: str) -> None:
    if by != environment:
        refuse(f"not confirmed by the name {environment}; nothing is changed", 2)
