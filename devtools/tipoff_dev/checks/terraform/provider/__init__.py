"""A fake of the provider hashicorp/google: it has the provider's schema and no cloud behind it.

The fake creates nothing. Computed attributes are unknown in a plan, as with the real provider. The fake checks names,
types and the documented values. It plans a replacement only for the arguments of grants and those that a transition
changes, and does not check mutually exclusive arguments or the APIs' own rules. It serves google-beta too.

google.json is the part of `terraform providers schema -json` that infra/terraform uses, with three additions: `enum`,
the possible values in the provider's documentation; `bounds` of a number, or of a duration in seconds; and `force_new`
(ForceNew in the provider's source), only for arguments that a transition changes. A secret's `replication` is ForceNew
but not marked: only a change of its kind replaces the secret. BigQuery's tables and routines are left out, so that a
plan with one fails: Terraform drops a column that a file no longer has, and `tipoff tables deploy` only adds.
"""
