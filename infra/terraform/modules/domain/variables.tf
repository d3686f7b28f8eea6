variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "project_number" {
  description = "Project number, which is part of the audience of Identity-Aware Proxy's assertions."
  type        = string
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "service" {
  description = "Name of the Cloud Run service."
  type        = string
}

variable "domain" {
  description = "Domain, such as tipoff.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a host name in lower case, such as tipoff.example.com."
  }
}

variable "certificate" {
  description = "managed: Google makes and renews it; else the id of an existing certificate."
  type        = string

  validation {
    condition     = var.certificate == "managed" || can(regex("^projects/[^/]+/global/sslCertificates/[^/]+$", var.certificate))
    error_message = "a domain needs its certificate: write \"managed\", for which its DNS record has to name the load balancer's address, or projects/P/global/sslCertificates/NAME."
  }
}

variable "iap_members" {
  description = "IAM members whom Identity-Aware Proxy lets through to the service; null for no proxy."
  type        = set(string)
  default     = null

  validation {
    condition     = var.iap_members == null || alltrue([for it in coalesce(var.iap_members, []) : can(regex("^(user|serviceAccount|group|domain):[^:]+$", it))])
    error_message = "iap must be user:E-MAIL, group:E-MAIL, serviceAccount:E-MAIL or domain:DOMAIN, and not public."
  }
}
