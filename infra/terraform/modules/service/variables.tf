variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "project_number" {
  description = "Project number, which is part of the service's URI."
  type        = string
}

variable "region" {
  description = "Region of Cloud Run."
  type        = string
}

variable "name" {
  description = "Name of the service, as in infra/services.yaml."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,16}$", var.name))
    error_message = "name must be lower case letters, digits and dashes, at most 17: tipoff-NAME-push2 names an identity, which has at most 30."
  }
}

variable "service_account" {
  description = "E-mail of the identity that it runs as, which reads its secrets."
  type        = string
}

variable "push_service_account" {
  description = "E-mail of the identity that Pub/Sub pushes with."
  type        = string
}

variable "description" {
  description = "Its purpose, in one line."
  type        = string
}

variable "image" {
  description = "Container image with its tag or digest."
  type        = string

  validation {
    condition     = can(regex("(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "image must end in a tag or a digest, and not in :latest, which does not identify a version."
  }
}

variable "ingress" {
  description = "all: people and other projects reach it, IAM decides; internal: Pub/Sub of this project only."
  type        = string

  validation {
    condition     = contains(["all", "internal"], var.ingress)
    error_message = "ingress must be all or internal."
  }
}

variable "timeout_seconds" {
  description = "Longest time of a request."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 600
    error_message = "timeout_seconds must be 10 to 600: Pub/Sub waits at most 600 s for a response."
  }
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = string
  default     = "1"
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
  default     = "512Mi"
}

variable "concurrency" {
  description = "Requests that one instance handles at a time."
  type        = number

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000
    error_message = "concurrency must be 1 to 1000."
  }
}

variable "min_instances" {
  description = "Instances kept ready; 0 pays for requests only, and a first one waits for a start."
  type        = number
  default     = 0
}

variable "max_instances" {
  description = "Most instances at a time."
  type        = number

  validation {
    condition     = var.max_instances >= 1 && var.max_instances >= var.min_instances
    error_message = "max_instances must be at least 1 and at least min_instances."
  }
}

variable "environment" {
  description = "Environment variables; TIPOFF_AUDIENCE, TIPOFF_PUSH_SERVICE_ACCOUNT and TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES are added."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Environment variables whose values are Secret Manager secrets of the same name."
  type        = set(string)
  default     = []
}

variable "invokers" {
  description = "Who may call it beside Pub/Sub: any key => IAM member."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for member in var.invokers : !contains(["allUsers", "allAuthenticatedUsers"], member)])
    error_message = "invokers must be single identities: no service of Tipoff is public."
  }

  validation {
    condition     = length(var.invokers) == 0 || var.ingress == "all"
    error_message = "invokers of a service with internal ingress could not reach it; set ingress to all in infra/services.yaml."
  }
}

variable "domain" {
  description = "Domain under which people call it, a further audience of tokens; null for none."
  type        = string
  default     = null
}

variable "network" {
  description = "Network and subnetwork that all its calls leave through; null for none."
  type        = object({ network = string, subnetwork = string })
  default     = null
}

variable "kms_key" {
  description = "Cloud KMS key that encrypts its image; null for Google's own."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of the service."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
  default     = true
}
