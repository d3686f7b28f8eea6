variable "project" {
  description = "Google Cloud project of the environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower case letters, digits and dashes (gcloud projects list)."
  }
}

variable "region" {
  description = "Region of the images."
  type        = string
  default     = "us-central1"
}

variable "ci" {
  description = "GitHub repository, as GitHub's tokens name it, and GitHub environment whose jobs may deploy; null where only people do. Repositories made, renamed or transferred since July 15, 2026 are owner@ID/name@ID, older ones owner/name."
  type = object({
    repository  = string
    environment = string
  })
  default = null

  validation {
    condition     = var.ci == null || can(regex("^([A-Za-z0-9_.-]+@[0-9]+/[A-Za-z0-9_.-]+@[0-9]+|[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)$", var.ci.repository))
    error_message = "ci.repository must be owner@ID/name@ID, or owner/name for a repository from before July 15, 2026, without wildcards: it is compared letter by letter."
  }

  validation {
    condition     = var.ci == null || can(regex("^[A-Za-z0-9_.-]+$", var.ci.environment))
    error_message = "ci.environment must be the name of a GitHub environment, without wildcards."
  }

  validation {
    condition     = var.ci == null || length("repo:${try(var.ci.repository, "")}:environment:${try(var.ci.environment, "")}") <= 127
    error_message = "repo:ci.repository:environment:ci.environment must be at most 127 characters: Google takes no longer subject. Shorten the name of the environment or of the repository."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's state; null for PROJECT-tfstate."
  type        = string
  default     = null

  validation {
    condition     = !startswith(coalesce(var.state_bucket, "-"), "${var.project}-tipoff-")
    error_message = "state_bucket must not begin with ${var.project}-tipoff-: CI may change who uses the buckets that do."
  }
}

variable "services_file" {
  description = "Another map of services than infra/services.yaml."
  type        = string
  default     = null
}
