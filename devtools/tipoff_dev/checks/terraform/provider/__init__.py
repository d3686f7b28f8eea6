"""A stand-in for hashicorp/google: Terraform itself talks to it, and it knows the provider's schema and no cloud.

It creates nothing. What the provider computes is unknown when planning, as it is with the real one. It checks names,
types and the values that the documentation lists; it does not know which arguments exclude each other, which of them
replace a resource, or what the APIs themselves refuse.

google.json is the part of `terraform providers schema -json` that infra/terraform uses, with the values that the
provider's documentation lists as possible.
"""
