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
        BuildWith, typer.Option("--build", help="builder of the images that the registry lacks")
    ] = BuildWith.CLOUD_BUILD,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--apply", help="only show the plan, or apply it")
    ] = True,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="ENV", help="the environment's name again, in place of the prompt"),
    ] = None,
    images_from: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="project whose images of this commit run here, by their digests; nothing is built",
        ),
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="with --dry-run: fail when the plan has any change")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="accept other systems' resources in the project")
    ] = False,
) -> None:
    """Show Terraform's plan, and with --apply build the commit's images, apply it and send real events through.

    The command checks all requirements before it builds or changes anything. Exit code 2 when a requirement is missing,
    1 when a step fails.
    """
    deployment = Deployment(environment, project, region, build_with, images_from, shared)
    shell = LocalShell()
    if drift and not dry_run:
        refuse("--drift changes nothing: leave --apply out", 2)
    if not dry_run and confirm is None and not sys.stdin.isatty():
        refuse(
            f"no terminal to ask for confirmation: pass --confirm {environment} (CONFIRM={environment});"
            " nothing is changed",
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
                f"plan only; nothing is built or changed. To apply it: {_apply_command(deployment)}"
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
            "the project differs from the last deployment, see above: deploy again, or adopt the change"
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
