variable "project" {
  description = "Google Cloud project of this environment."
  type        = string
}

variable "region" {
  description = "Region of Cloud Run, Cloud Scheduler, the buckets and the images."
  type        = string
  default     = "us-central1"
}

variable "images" {
  description = "Tag or digest (sha256:...) of each service's image."
  type        = map(string)
}

variable "scaling" {
  description = "Instances of some services in place of the usual: service => { min, max }."
  type = map(object({
    min = optional(number)
    max = optional(number)
  }))
  default = {}
}

variable "invokers" {
  description = "Who may call services by hand: user:... and serviceAccount:..."
  type        = set(string)
  default     = []
}

variable "dataset_readers" {
  description = "Who else may query the dataset: IAM members."
  type        = set(string)
  default     = []
}

variable "phase2_members" {
  description = "IAM members of Phase 2: they subscribe to landed files, read them and publish receipts."
  type        = set(string)
  default     = []
}

variable "notification_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
}

variable "budget" {
  description = "What a month may cost: billing_account, monthly_amount, currency; null for no budget."
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
