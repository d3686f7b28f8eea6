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
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1."
  }
}

variable "environment" {
  description = "dev or prod; written to every row."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment must be dev or prod: the services accept no other on Google Cloud."
  }
}

variable "images" {
  description = "Tag or digest (sha256:...) of each service's image in Artifact Registry: REGION-docker.pkg.dev/PROJECT/tipoff/SERVICE."
  type        = map(string)

  validation {
    condition     = alltrue([for it in var.images : can(regex("^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", it)) && it != "latest"])
    error_message = "images must be tags or digests (sha256: and 64 hex digits), and not latest, which does not identify a version."
  }

  validation {
    condition     = length(setsubtract(keys(local.declared), keys(var.images))) == 0
    error_message = "images: missing for ${join(", ", setsubtract(keys(local.declared), keys(var.images)))}; give the tag or digest of each service's image."
  }

  validation {
    condition     = length(setsubtract(keys(var.images), keys(local.declared))) == 0
    error_message = "images: ${join(", ", setsubtract(keys(var.images), keys(local.declared)))}: infra/services.yaml has no such service."
  }
}

variable "image_project" {
  description = "Project whose registry has the images, if they are promoted from another environment; null for this project."
  type        = string
  default     = null

  validation {
    condition     = var.image_project == null || var.image_project == var.project || alltrue([for it in var.images : startswith(it, "sha256:")])
    error_message = "images of another project (image_project = ${coalesce(var.image_project, "-")}) must be digests, so that exactly the tested images run here."
  }
}

variable "sizes" {
  description = "Instances, CPUs and memory of some services in place of infra/services.yaml's."
  type = map(object({
    min_instances = optional(number)
    max_instances = optional(number)
    concurrency   = optional(number)
    cpu           = optional(string)
    memory        = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.sizes), keys(local.declared))) == 0
    error_message = "sizes: ${join(", ", setsubtract(keys(var.sizes), keys(local.declared)))}: infra/services.yaml has no such service."
  }
}

variable "labels" {
  description = "Further labels of everything that has labels, such as a cost centre."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value)) && !contains(["app", "environment"], key)])
    error_message = "labels must be lower case letters, digits, dashes and underscores; app and environment are given already."
  }
}

variable "invokers" {
  description = "Who may call services: user:... and serviceAccount:... Cloud Run and the services get this list; services compare the e-mail of the token, so groups do not work."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.invokers : can(regex("^(user|serviceAccount):[^@:]+@[^@:]+$", it))])
    error_message = "invokers must be user:E-MAIL or serviceAccount:E-MAIL."
  }
}

variable "viewers" {
  description = "Who may look at the console and change nothing: user:... and serviceAccount:...; invokers may do both."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for it in var.viewers : can(regex("^(user|serviceAccount):[^@:]+@[^@:]+$", it))])
    error_message = "viewers must be user:E-MAIL or serviceAccount:E-MAIL."
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
  description = "E-mail addresses that alerts go to."
  type        = set(string)
}

variable "notification_channels" {
  description = "Channels beside e-mail, by any name: id of an existing channel, or type and labels of a channel without a secret; ../README.md links to the needs of each type."
  type = map(object({
    id     = optional(string)
    type   = optional(string)
    labels = optional(map(string), {})
  }))
  default = {}
}

variable "budget" {
  description = "Monthly budget, in whole units; currency is the billing account's unless given. null for no budget."
  type = object({
    billing_account = string
    monthly_amount  = number
    currency        = optional(string)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days for which logs are kept; null keeps the project's own setting, 30 by default."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null || (coalesce(var.log_retention_days, 0) >= 1 && coalesce(var.log_retention_days, 0) <= 3650)
    error_message = "log_retention_days must be 1 to 3650."
  }
}

variable "kms_key" {
  description = "Cloud KMS key, in the region, that encrypts buckets, topics and services; null for Google's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be projects/P/locations/${var.region}/keyRings/R/cryptoKeys/K: a key in the region of the encrypted resources."
  }
}

variable "enabled_secrets" {
  description = "Those optional_secrets of infra/services.yaml that have a value and are given to their services."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.enabled_secrets, flatten([for it in local.declared : lookup(it, "optional_secrets", [])]))) == 0
    error_message = "enabled_secrets: ${join(", ", setsubtract(var.enabled_secrets, flatten([for it in local.declared : lookup(it, "optional_secrets", [])])))}: no service has it among optional_secrets in infra/services.yaml."
  }
}

variable "domains" {
  description = "Domains of some services, by service: domain; certificate: \"managed\", or the id of an existing certificate; iap: members that Identity-Aware Proxy admits to a console."
  type = map(object({
    domain      = string
    certificate = optional(string)
    iap         = optional(set(string))
  }))
  default = {}

  validation {
    condition     = length([for name in keys(var.domains) : name if try(local.declared[name].ingress, "") != "all"]) == 0
    error_message = "domains: ${join(", ", [for name in keys(var.domains) : name if try(local.declared[name].ingress, "") != "all"])}: no service of that name with ingress: all in infra/services.yaml."
  }

  validation {
    condition     = length([for name, it in var.domains : name if it.iap != null && !contains(try(local.declared[name].computed, []), "TIPOFF_IAP_AUDIENCE")]) == 0
    error_message = "domains: ${join(", ", [for name, it in var.domains : name if it.iap != null && !contains(try(local.declared[name].computed, []), "TIPOFF_IAP_AUDIENCE")])}: iap needs a service with a console; only the monitor has one."
  }

  validation {
    condition     = alltrue([for it in var.domains : it.certificate != null])
    error_message = "domains: ${join(", ", [for it in var.domains : it.domain if it.certificate == null])}: a domain needs its certificate: write certificate = \"managed\", for which its DNS record has to name the load balancer's address, or the id of one: projects/P/global/sslCertificates/NAME."
  }
}

variable "otlp_endpoint" {
  description = "Base URL of an OpenTelemetry collector (OTLP over HTTP) that every service exports traces and metrics to; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.otlp_endpoint == null || can(regex("^https?://[^/[:space:]]+(/[^[:space:]]*)?$", var.otlp_endpoint))
    error_message = "otlp_endpoint must be a base URL such as https://collector.example.com or http://10.8.0.5:4318, to which /v1/traces and /v1/metrics are added."
  }
}

variable "egress" {
  description = "Static egress address of some services: range of the subnet, and services. null for Google's changing addresses."
  type = object({
    range    = optional(string, "10.8.0.0/26")
    services = optional(set(string), ["scraper-runner"])
  })
  default = null

  validation {
    condition     = length(setsubtract(try(var.egress.services, []), keys(local.declared))) == 0
    error_message = "egress.services: ${join(", ", setsubtract(try(var.egress.services, []), keys(local.declared)))}: infra/services.yaml has no such service."
  }
}

variable "paused" {
  description = "Whether ticks are paused: all resources exist and nothing is fetched."
  type        = bool
  default     = false
}

variable "buckets_to_empty" {
  description = "Buckets that a later plan may delete with their objects: data, archive, state-SERVICE. Deploy this first, and delete in a later deployment."
  type        = set(string)
  default     = []
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete services."
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

variable "ticks_file" {
  description = "Another map of ticks than infra/ticks.yaml."
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

variable "timezone" {
  description = "Zone of the fleet's days, an IANA name: that of workflows.yaml."
  type        = string
  default     = "America/New_York"
}
