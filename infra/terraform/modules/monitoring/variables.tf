variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "project_number" {
  description = "Project number."
  type        = string
}

variable "region" {
  description = "Region of the services."
  type        = string
}

variable "notification_emails" {
  description = "E-mail addresses that alerts go to."
  type        = set(string)

  validation {
    condition     = length(var.notification_emails) > 0 && alltrue([for it in var.notification_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", it))])
    error_message = "notification_emails must hold at least one e-mail address; otherwise no alert arrives."
  }

  validation {
    condition     = var.budget == null || length(var.notification_emails) + length([for it in var.notification_channels : it if try(it.type == "email", false)]) <= 5
    error_message = "notification_emails and notification_channels of type email must be at most 5 together: a budget notifies no more. Give a mailing list, or leave the budget out."
  }
}

variable "uptime_services" {
  description = "Services that uptime checks call: name => URI."
  type        = map(string)
  default     = {}
}

variable "monitoring_agent" {
  description = "IAM member whose token the uptime checks carry."
  type        = string
}

variable "dead_letter_topic" {
  description = "Name of the topic for dead letters."
  type        = string
}

variable "tick_minutes" {
  description = "Subscription that carries ticks => minutes between two ticks. The alert fires after four intervals without a tick, but not within half an hour, and at the latest after 25 hours."
  type        = map(number)

  validation {
    condition     = alltrue([for it in var.tick_minutes : it >= 1 && it <= 1440])
    error_message = "tick_minutes must be 1 to 1440: no alert waits longer than a day."
  }
}

variable "notification_channels" {
  description = "Channels beside e-mail, by any name: id of an existing channel, or type and labels of a channel without a secret. E-mail and sms may have to be verified; pubsub takes roles/pubsub.publisher on the topic for service-NUMBER@gcp-sa-monitoring-notification.iam.gserviceaccount.com; google_chat the app Google Cloud Monitoring in the space."
  type = map(object({
    id     = optional(string)
    type   = optional(string)
    labels = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for it in var.notification_channels : (it.id == null) != (it.type == null)])
    error_message = "notification_channels: give each channel either its id, or its type and labels."
  }

  validation {
    condition     = alltrue([for it in var.notification_channels : contains(["email", "sms", "pubsub", "google_chat"], coalesce(it.type, "email"))])
    error_message = "notification_channels: ${join(", ", [for name, it in var.notification_channels : "${name} (${coalesce(it.type, "-")})" if !contains(["email", "sms", "pubsub", "google_chat"], coalesce(it.type, "email"))])}: a channel of this type has a secret, which Terraform's state would hold. Make it in the console (Monitoring, Alerting, Edit notification channels) and give its id: projects/P/notificationChannels/N."
  }

  validation {
    condition     = alltrue([for it in var.notification_channels : it.type == null || length(it.labels) > 0])
    error_message = "notification_channels: labels give the destination of a channel: { number = \"+1...\" } for sms, { topic = \"projects/P/topics/T\" } for pubsub."
  }

  validation {
    condition     = alltrue([for it in var.notification_channels : it.id == null || can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", it.id))])
    error_message = "notification_channels: an id is projects/P/notificationChannels/N (gcloud beta monitoring channels list)."
  }
}

variable "log_retention_days" {
  description = "Days for which the project's logs are kept; null keeps the project's setting."
  type        = number
  default     = null
}

variable "logged_errors" {
  description = "Errors that a service may log within five minutes without an alert."
  type        = number
  default     = 20
}

variable "paused" {
  description = "Whether ticks are paused, so that none is missed."
  type        = bool
  default     = false
}

variable "oldest_unacked_seconds" {
  description = "Age of the oldest waiting message above which an alert fires. Redelivery backs off to 600 s, so a lower age is normal."
  type        = number
  default     = 1800

  validation {
    condition     = var.oldest_unacked_seconds > 600
    error_message = "oldest_unacked_seconds must be above 600, the longest back-off between two deliveries."
  }
}

variable "server_errors" {
  description = "5xx answers of a service within five minutes above which an alert fires. A 503 requests redelivery; a few are normal."
  type        = number
  default     = 20
}

variable "budget" {
  description = "Monthly budget; null for none. To apply it needs roles/billing.costsManager on the billing account."
  type = object({
    billing_account = string
    monthly_amount  = number
    currency        = optional(string)
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must look like 012345-6789AB-CDEF01 (gcloud billing accounts list)."
  }

  validation {
    condition     = var.budget == null || can(regex("^[1-9][0-9]*$", var.budget.monthly_amount))
    error_message = "budget.monthly_amount must be a whole number, at least 1."
  }
}

variable "labels" {
  description = "Labels of the alert policies."
  type        = map(string)
  default     = {}
}
