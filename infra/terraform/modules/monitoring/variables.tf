variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "project_number" {
  description = "Its number."
  type        = string
}

variable "region" {
  description = "Region of the services."
  type        = string
}

variable "notification_emails" {
  description = "Who is told."
  type        = set(string)

  validation {
    condition     = length(var.notification_emails) > 0 && alltrue([for it in var.notification_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", it))])
    error_message = "notification_emails must hold at least one e-mail address: an alert that reaches nobody is none."
  }

  validation {
    condition     = var.budget == null || length(var.notification_emails) <= 5
    error_message = "notification_emails must be at most 5 where there is a budget, which tells no more: name a mailing list, or leave the budget out."
  }
}

variable "uptime_services" {
  description = "Services that are asked from outside whether they answer: name => URI."
  type        = map(string)
  default     = {}
}

variable "monitoring_agent" {
  description = "IAM member whose token the uptime checks carry."
  type        = string
}

variable "dead_letter_topic" {
  description = "Name of the topic for what nobody could handle."
  type        = string
}

variable "tick_topic" {
  description = "Name of the topic that carries ticks."
  type        = string
}

variable "paused" {
  description = "Whether no tick is to come, so that none is missed."
  type        = bool
  default     = false
}

variable "oldest_unacked_seconds" {
  description = "Age of the oldest waiting message above which somebody is told. Redelivery backs off to 600 s, so less than that is no news."
  type        = number
  default     = 1800

  validation {
    condition     = var.oldest_unacked_seconds > 600
    error_message = "oldest_unacked_seconds must be above 600, the longest back-off between two deliveries."
  }
}

variable "server_errors" {
  description = "5xx answers of a service within five minutes above which somebody is told. A 503 asks for redelivery and a few of them are no news."
  type        = number
  default     = 20
}

variable "budget" {
  description = "What a month may cost; null for no budget. Whoever applies it needs roles/billing.costsManager on the billing account."
  type = object({
    billing_account = string
    monthly_amount  = number
    currency        = optional(string, "USD")
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
