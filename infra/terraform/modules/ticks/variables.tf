variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of Cloud Scheduler."
  type        = string
}

variable "topic" {
  description = "Id of the topic that carries ticks."
  type        = string
}

variable "ticks" {
  description = "When ticks fire, as in infra/ticks.yaml: every_minutes, or daily_at in time_zone."
  type = map(object({
    description     = string
    every_minutes   = optional(number)
    daily_at        = optional(string)
    time_zone       = optional(string, "Etc/UTC")
    cadence_minutes = number
  }))

  validation {
    condition     = alltrue([for it in var.ticks : (it.every_minutes == null) != (it.daily_at == null)])
    error_message = "A tick needs either every_minutes or daily_at."
  }

  validation {
    condition     = alltrue([for it in var.ticks : it.every_minutes == null || contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30], coalesce(it.every_minutes, 0))])
    error_message = "every_minutes must divide an hour; for a daily tick give daily_at."
  }

  validation {
    condition     = alltrue([for it in var.ticks : it.daily_at == null || can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", it.daily_at))])
    error_message = "daily_at must be HH:MM, quoted: YAML reads 05:00 as a number."
  }

  validation {
    condition     = alltrue([for it in var.ticks : it.daily_at == null || it.time_zone == "Etc/UTC" || !contains(["01", "02"], split(":", coalesce(it.daily_at, "0:0"))[0])])
    error_message = "daily_at between 01:00 and 03:00 of a local time is skipped or doubled when clocks change; choose another hour, or Etc/UTC."
  }
}

variable "paused" {
  description = "Whether ticks are paused; then nothing is fetched."
  type        = bool
  default     = false
}
