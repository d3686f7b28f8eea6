variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "name" {
  description = "Name of the topic, as in infra/topics.yaml."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,254}$", var.name))
    error_message = "name must be lower case letters, digits and dashes."
  }
}

variable "labels" {
  description = "Labels of the topic and its subscriptions."
  type        = map(string)
  default     = {}
}

variable "retention_days" {
  description = "Days for which a subscription can be wound back."
  type        = number
  default     = 7

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 31
    error_message = "retention_days must be 1 to 31."
  }
}

variable "publishers" {
  description = "Who may publish: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "kms_key" {
  description = "Cloud KMS key that encrypts messages; null for Google's own."
  type        = string
  default     = null
}

variable "subscribers" {
  description = "Who outside may attach subscriptions of their own: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "subscriptions" {
  description = <<-EOT
    Push subscriptions by name.
    service_uri           where to push (at /events), and the audience of the token
    push_service_account  e-mail of the identity that Pub/Sub pushes with
    ack_deadline_seconds  also the push timeout: at least the service's own
    timeout_seconds       of a request to the service
    filter                "" takes everything
  EOT
  type = map(object({
    service_uri          = string
    push_service_account = string
    ack_deadline_seconds = optional(number, 60)
    timeout_seconds      = number
    filter               = optional(string, "")
  }))
  default = {}

  validation {
    condition     = alltrue([for it in var.subscriptions : it.ack_deadline_seconds >= 10 && it.ack_deadline_seconds <= 600])
    error_message = "ack_deadline_seconds must be 10 to 600, the limits of Pub/Sub."
  }

  validation {
    condition = alltrue([for it in var.subscriptions : it.ack_deadline_seconds >= it.timeout_seconds])
    error_message = join(" ", [for name, it in var.subscriptions :
      "${name}: ack_deadline_seconds ${it.ack_deadline_seconds} is below the service's timeout of ${it.timeout_seconds} s, so a message would be pushed again while the service handles it; raise it in infra/topics.yaml or lower timeout_seconds in infra/services.yaml."
    if it.ack_deadline_seconds < it.timeout_seconds])
  }

  validation {
    condition     = alltrue([for it in var.subscriptions : can(regex("^https://[^/]+$", it.service_uri))])
    error_message = "service_uri must be https://host, without a path: it is the audience of the token."
  }
}

variable "dead_letter_topic" {
  description = "Id of the topic for messages after their last delivery attempt; null for that topic itself."
  type        = string
  default     = null

  validation {
    condition     = var.dead_letter_topic == null || can(regex("^projects/[^/]+/topics/[^/]+$", var.dead_letter_topic))
    error_message = "dead_letter_topic must be an id: projects/P/topics/T."
  }
}

variable "takes_dead_letters" {
  description = "Whether this is the topic for messages after their last delivery attempt."
  type        = bool
  default     = false

  validation {
    condition     = !var.takes_dead_letters || length(var.subscriptions) > 0
    error_message = "A topic that takes dead letters needs a subscription; otherwise they are lost."
  }

  validation {
    condition     = var.takes_dead_letters == (var.dead_letter_topic == null)
    error_message = "Give dead_letter_topic, or takes_dead_letters = true for that topic itself: a dead letter has no dead letters."
  }
}

variable "max_delivery_attempts" {
  description = "Deliveries before a message is dead."
  type        = number
  default     = 100

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts must be 5 to 100, the limits of Pub/Sub."
  }
}

variable "retry" {
  description = "Exponential back-off between deliveries, seconds."
  type = object({
    minimum_seconds = number
    maximum_seconds = number
  })
  default  = { minimum_seconds = 10, maximum_seconds = 600 }
  nullable = false

  validation {
    condition     = 0 <= var.retry.minimum_seconds && var.retry.minimum_seconds <= var.retry.maximum_seconds && var.retry.maximum_seconds <= 600
    error_message = "retry must be 0 <= minimum_seconds <= maximum_seconds <= 600."
  }
}

variable "pubsub_agent" {
  description = "IAM member of the project's Pub/Sub service agent."
  type        = string

  validation {
    condition     = can(regex("^serviceAccount:service-[0-9]+@gcp-sa-pubsub\\.iam\\.gserviceaccount\\.com$", var.pubsub_agent))
    error_message = "pubsub_agent must be serviceAccount:service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com."
  }
}
