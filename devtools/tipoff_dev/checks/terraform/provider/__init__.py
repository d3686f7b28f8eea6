"""A fake of the provider hashicorp/google: it has the provider's schema and no cloud behind it.

It creates nothing. Computed attributes are unknown in a plan, as with the real provider. It checks names, types and the
documented values, and replaces a resource when a transition changes such an argument. It does not check mutually
exclusive arguments or limits of the APIs. It serves google-beta too.

google.json is the part of `terraform providers schema -json` that infra/terraform uses, with three additions: `enum`,
the possible values in the provider's documentation; `bounds` of a number, or of a duration in seconds; and `force_new`
(ForceNew in the provider's source), only for arguments that a transition changes. A secret's `replication` is ForceNew
but not marked: only a change of its kind replaces the secret. BigQuery's tables and routines are left out, so that a
plan with one fails: Terraform drops a column that a file no longer has, and `tipoff tables deploy` only adds.
"""
