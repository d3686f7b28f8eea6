"""A fake of the provider hashicorp/google: Terraform itself talks to it, and it knows its schema and no cloud.

It creates nothing. What the provider computes is unknown when planning, as it is with the real one. It checks names,
types and the values that the documentation lists, and knows which arguments replace a resource, of what a change is
tried with; it does not know which exclude each other, or what the APIs refuse. It answers for google-beta too.

google.json is the part of `terraform providers schema -json` that infra/terraform uses, with what that command does not
tell: `enum`, the values that the provider's documentation lists as possible; `bounds` of a number, or of a duration in
seconds; and `force_new`, of the arguments that are tried, for those that a resource cannot change (ForceNew in the
provider's source). A secret's `replication` is not marked though it is one: of what it holds, only a change of kind
makes a secret anew. BigQuery's tables and routines are left out, so that nobody plans one: Terraform drops a column
that a file no longer has, and `tipoff tables deploy` only adds.
"""
