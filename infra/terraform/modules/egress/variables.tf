variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of the services."
  type        = string
}

variable "range" {
  description = "Address range of the services' subnet, at least a /26."
  type        = string

  validation {
    condition     = can(cidrhost(var.range, 0)) && try(tonumber(split("/", var.range)[1]) <= 26, false)
    error_message = "range must be at least a /26, such as 10.8.0.0/26, as Cloud Run requires."
  }
}
