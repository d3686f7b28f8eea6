"""The dataset: schema files, deployment, migrations, named queries."""
