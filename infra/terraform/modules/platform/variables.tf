variable "project" {
  description = "Google Cloud project. Each environment has its own: names within it are the same."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower case letters, digits and dashes (gcloud projects list)."
  }
}

variable "region" {
  description = "Region of Cloud Run, Cloud Scheduler, the buckets and the images."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1."
  }
}

variable "environment" {
  description = "dev or prod; stands in every row."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment must be dev or prod: the services know no other on Google Cloud."
  }
}

variable "images" {
  description = "Tag or digest (sha256:...) of each service's image in Artifact Registry: REGION-docker.pkg.dev/PROJECT/tipoff/SERVICE."
  type        = map(string)

  validation {
    condition     = alltrue([for it in var.images : can(regex("^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", it)) && it != "latest"])
    error_message = "images must be tags or digests (sha256: and 64 hex digits), and not latest, which says nothing about what runs."
  }
}

variable "scaling" {
  description = "Instances of some services in place of none at least and infra/services.yaml's at most."
  type = map(object({
    min = optional(number)
    max = optional(number)
  }))
  default = {}
}

variable "invokers" {
  description = "Who may call services by hand: user:... and serviceAccount:... They are named to Cloud Run and to the services, which compare the e-mail of the token, so a group will not do."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.invokers : can(regex("^(user|serviceAccount):[^@:]+@[^@:]+$", it))])
    error_message = "invokers must be user:E-MAIL or serviceAccount:E-MAIL."
  }
}

variable "dataset_readers" {
  description = "Who else may query the dataset: IAM members."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.dataset_readers : can(regex("^((user|serviceAccount|group):[^@:]+@[^@:]+|principal(Set)?://.+)$", it))])
    error_message = "dataset_readers must be user:E-MAIL, serviceAccount:E-MAIL, group:E-MAIL or a federated principal, and not everybody."
  }
}

variable "phase2_members" {
  description = "IAM members of Phase 2: they subscribe to landed files, read them and publish receipts."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.phase2_members : can(regex("^((user|serviceAccount|group):[^@:]+@[^@:]+|principal(Set)?://.+)$", it))])
    error_message = "phase2_members must be user:E-MAIL, serviceAccount:E-MAIL, group:E-MAIL or a federated principal, and not everybody."
  }
}

variable "notification_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
}

variable "budget" {
  description = "What a month may cost; null for no budget."
  type = object({
    billing_account = string
    monthly_amount  = number
    currency        = optional(string, "USD")
  })
  default = null
}

variable "paused" {
  description = "Whether no tick fires: all is there and nothing is fetched."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete services. Tables are always protected."
  type        = bool
  default     = true
}

variable "topics_file" {
  description = "Another topic map than infra/topics.yaml."
  type        = string
  default     = null
}

variable "services_file" {
  description = "Another map of services than infra/services.yaml."
  type        = string
  default     = null
}
