variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "name" {
  description = "Name of the bucket; globally unique, so begin it with the project."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 lower case letters, digits, dashes and underscores."
  }
}

variable "location" {
  description = "Region or multi-region."
  type        = string
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
}

variable "soft_delete_days" {
  description = "Days for which a deleted object can be restored."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 90
    error_message = "soft_delete_days must be 7 to 90, the limits of Cloud Storage."
  }
}

variable "delete_after_days" {
  description = "Folder, \"\" for all => age in days at which objects are deleted; others are kept."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for folder, days in var.delete_after_days : can(regex("^([a-z0-9-]+/)?$", folder)) && days >= 30])
    error_message = "delete_after_days takes folders that end in a slash, such as journal/, and at least 30 days: the state of services has to outlive any redelivery."
  }
}

variable "storage_class_after_days" {
  description = "Cheaper storage class => age in days at which objects go there."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for class in keys(var.storage_class_after_days) : contains(["NEARLINE", "COLDLINE", "ARCHIVE"], class)])
    error_message = "storage_class_after_days takes NEARLINE, COLDLINE and ARCHIVE."
  }
}

variable "readers" {
  description = "Who may read all objects: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "creators" {
  description = "Who may read all objects and create further ones, and replace or delete none: any key => IAM member."
  type        = map(string)
  default     = {}
}

variable "annotator_role" {
  description = "Role by which creators may change the metadata of objects too; null where they may not."
  type        = string
  default     = null
}

variable "versioned" {
  description = "Whether replaced and deleted versions are kept."
  type        = bool
  default     = false
}

variable "may_be_emptied" {
  description = "Whether a later plan may delete the bucket with its objects."
  type        = bool
  default     = false
}

variable "kms_key" {
  description = "Cloud KMS key that encrypts objects; null for Google's own."
  type        = string
  default     = null
}

variable "writers" {
  description = "Who may read, create, replace and delete all objects: any key => IAM member."
  type        = map(string)
  default     = {}
}
