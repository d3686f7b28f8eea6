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
  description = "GitHub repository, as GitHub's tokens name it, and GitHub environment whose jobs may deploy; null if only people deploy. Repositories made, renamed or transferred since July 15, 2026 are owner@ID/name@ID, older ones owner/name."
  type = object({
    repository  = string
    environment = string
  })
  default = null

  validation {
    condition     = var.ci == null || can(regex("^([A-Za-z0-9_.-]+@[0-9]+/[A-Za-z0-9_.-]+@[0-9]+|[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)$", var.ci.repository))
    error_message = "ci.repository must be owner@ID/name@ID, or owner/name for a repository from before July 15, 2026, without wildcards: it is compared letter by letter."
  }

  # The owner of the example's repository on GitHub could deploy here.
  validation {
    condition     = var.ci == null || !can(regex("^(example|OWNER)(@|/)", try(var.ci.repository, "")))
    error_message = "ci.repository is still that of the example: give your own (gh api repos/OWNER/NAME), or leave ci out."
  }

  validation {
    condition     = var.ci == null || can(regex("^[A-Za-z0-9_.-]+$", var.ci.environment))
    error_message = "ci.environment must be the name of a GitHub environment, without wildcards."
  }

  validation {
    condition     = var.ci == null || length("repo:${try(var.ci.repository, "")}:environment:${try(var.ci.environment, "")}") <= 127
    error_message = "repo:ci.repository:environment:ci.environment must be at most 127 characters, Google's limit for a subject. Shorten the name of the environment or of the repository."
  }
}

variable "dataset_location" {
  description = "Region or multi-region of the dataset; it cannot be changed afterwards."
  type        = string
  default     = "US"
}

variable "promoted_to" {
  description = "Projects that run the images built here: project id => project number."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for number in var.promoted_to : can(regex("^[0-9]+$", number))])
    error_message = "promoted_to must be project id => project number (gcloud projects describe PROJECT --format='value(projectNumber)')."
  }
}

variable "extra_apis" {
  description = "APIs beside those that Tipoff always uses: compute.googleapis.com for domains and a static address, iap.googleapis.com for Identity-Aware Proxy."
  type        = set(string)
  default     = []
}

variable "kms_key" {
  description = "Cloud KMS key, in the region, that encrypts images, builds and Terraform's state of the environment; null for Google's own. It cannot be changed afterwards."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be projects/P/locations/${var.region}/keyRings/R/cryptoKeys/K: a key in the region of the encrypted resources."
  }
}

variable "dataset_kms_key" {
  description = "Cloud KMS key, in the dataset's location, that encrypts the dataset; null for Google's own."
  type        = string
  default     = null

  validation {
    condition     = var.dataset_kms_key == null || can(regex("^projects/[^/]+/locations/${lower(var.dataset_location)}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.dataset_kms_key))
    error_message = "dataset_kms_key must be projects/P/locations/${lower(var.dataset_location)}/keyRings/R/cryptoKeys/K: a key of the dataset's location."
  }
}

variable "secrets_kms_key" {
  description = "Cloud KMS key, of the location global, that encrypts secret values added from then on; null for Google's own."
  type        = string
  default     = null

  # Secrets with automatic replication need a key of the location global.
  validation {
    condition     = var.secrets_kms_key == null || can(regex("^projects/[^/]+/locations/global/keyRings/[^/]+/cryptoKeys/[^/]+$", var.secrets_kms_key))
    error_message = "secrets_kms_key must be projects/P/locations/global/keyRings/R/cryptoKeys/K: secrets are in no region."
  }
}

variable "labels" {
  description = "Further labels of everything that has labels."
  type        = map(string)
  default     = {}
}

variable "services_file" {
  description = "Another map of services than infra/services.yaml."
  type        = string
  default     = null
}

variable "dataset" {
  description = "BigQuery dataset of the fleet."
  type        = string
  default     = "nba_orchestration"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset))
    error_message = "dataset must be letters, digits and underscores."
  }
}
